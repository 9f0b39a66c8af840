'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { checkPath, checkString, followTaming } = require('../common/errors.js');
const { runReportingJob } = require('../common/job.js');
const { WORK, aBoolean, aMode, aPositive, takeOptions } = require('../common/options.js');
const { resolvePlace } = require('../common/paths.js');

const OPTIONS = {
  artifactMode: aMode,
  historyFrom: checkPath,
  integrityCheck: aBoolean,
  findingsPerKind: aPositive,
  ...WORK,
};

/**
 * Searches a store for damaged and missing data.
 *
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} [options]
 */
const verifySwingStore = async (dirPath, options) => {
  checkString('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('verifySwingStore', options, OPTIONS);
  const { artifactMode, historyFrom, integrityCheck, findingsPerKind } = taken;
  const place = historyFrom && resolvePlace(historyFrom);
  const jobOptions = { artifactMode, historyFrom: place, integrityCheck, findingsPerKind };
  return runReportingJob(native.makeVerification(path.resolve(dirPath), JSON.stringify(jobOptions)), taken);
};

module.exports = { verifySwingStore };
