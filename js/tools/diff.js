'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { checkString, followTaming } = require('../common/errors.js');
const { harden } = require('../common/harden.js');
const { runJob } = require('../common/job.js');
const { WORK, aBoolean, aMode, aPositive, takeOptions } = require('../common/options.js');

const OPTIONS = { artifactMode: aMode, contents: aBoolean, localKeys: aBoolean, limit: aPositive, ...WORK };

/**
 * Compares two stores or exports.
 *
 * @param {string} a the directory of a store or of an export
 * @param {string} b likewise
 * @param {Record<string, any>} [options]
 */
const diffSwingStores = async (a, b, options) => {
  checkString('a', a);
  checkString('b', b);
  followTaming();
  const taken = takeOptions('diffSwingStores', options, OPTIONS);
  const { artifactMode, contents, localKeys, limit } = taken;
  const jobOptions = { artifactMode, contents, localKeys, limit };
  const job = native.makeComparison(path.resolve(a), path.resolve(b), JSON.stringify(jobOptions));
  const report = JSON.parse(await runJob(job, taken, job.run));
  // JSON has `null` for the missing elements of an array.
  report.blockHeights = report.blockHeights.map(height => height ?? undefined);
  return harden(report);
};

module.exports = { diffSwingStores };
