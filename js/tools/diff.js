'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { modeArguments } = require('../common/artifact-mode.js');
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
  const { artifactMode, contents = false, localKeys = false, limit = 1000 } = taken;
  const job = native.makeComparison(
    path.resolve(a),
    path.resolve(b),
    ...modeArguments(artifactMode),
    contents,
    localKeys,
    limit,
  );
  return harden(await runJob(job, taken, job.run));
};

module.exports = { diffSwingStores };
