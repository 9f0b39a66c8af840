'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { checkPath, followTaming } = require('../common/errors.js');
const { runReportingJob } = require('../common/job.js');
const { WORK, aBoolean, aPositive, takeOptions } = require('../common/options.js');
const { resolvePlace } = require('../common/paths.js');

const OPTIONS = { archivedIn: checkPath, newestSpans: aPositive, perVat: aBoolean, ...WORK };

/**
 * Measures the contents of a store.
 *
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} [options]
 */
const measureSwingStore = async (dirPath, options) => {
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('measureSwingStore', options, OPTIONS);
  const { archivedIn, newestSpans, perVat } = taken;
  const archive = archivedIn && resolvePlace(archivedIn);
  const job = native.makeMeasurement(path.resolve(dirPath), JSON.stringify({ newestSpans, perVat }), archive);
  return runReportingJob(job, taken);
};

module.exports = { measureSwingStore };
