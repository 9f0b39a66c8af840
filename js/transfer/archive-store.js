'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { checkPath, checkString, followTaming } = require('../common/errors.js');
const { runReportingJob } = require('../common/job.js');
const { WORK, aBoolean, aMode, takeOptions } = require('../common/options.js');
const { resolvePlace } = require('../common/paths.js');

const OPTIONS = { artifactMode: aMode, currentSpans: aBoolean, checkExisting: aBoolean, watch: aBoolean, ...WORK };

/**
 * Writes all spans and snapshots of a store to a directory or an object store, each as `NAME.gz`.
 *
 * @param {string} dirPath the store's directory
 * @param {string} archiveDir a directory or a URL
 * @param {Record<string, any>} [options]
 */
const archiveSwingStore = async (dirPath, archiveDir, options) => {
  checkString('dirPath', dirPath);
  checkPath('archiveDir', archiveDir);
  followTaming();
  const taken = takeOptions('archiveSwingStore', options, OPTIONS);
  const { artifactMode, currentSpans, checkExisting, watch } = taken;
  const jobOptions = JSON.stringify({ artifactMode, currentSpans, checkExisting, watch });
  return runReportingJob(native.makeArchiving(path.resolve(dirPath), resolvePlace(archiveDir), jobOptions), taken);
};

module.exports = { archiveSwingStore };
