'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { modeArguments } = require('../common/artifact-mode.js');
const { checkPath, checkString, followTaming } = require('../common/errors.js');
const { runJob } = require('../common/job.js');
const { WORK, aBoolean, aMode, takeOptions } = require('../common/options.js');

const OPTIONS = { artifactMode: aMode, currentSpans: aBoolean, checkExisting: aBoolean, ...WORK };

/**
 * Writes all spans and snapshots of a store to a directory, each as `NAME.gz`.
 *
 * @param {string} dirPath the store's directory
 * @param {string} archiveDir
 * @param {Record<string, any>} [options]
 */
const archiveSwingStore = async (dirPath, archiveDir, options) => {
  checkString('dirPath', dirPath);
  checkPath('archiveDir', archiveDir);
  followTaming();
  const taken = takeOptions('archiveSwingStore', options, OPTIONS);
  const { artifactMode = 'debug', currentSpans = false, checkExisting = false } = taken;
  const job = native.makeArchiving(
    path.resolve(dirPath),
    path.resolve(archiveDir),
    ...modeArguments(artifactMode),
    currentSpans,
    checkExisting,
  );
  return runJob(job, taken, () => job.run());
};

module.exports = { archiveSwingStore };
