'use strict';

const path = require('node:path');

const { modeArguments, validateArtifactMode } = require('./artifact-mode.js');
const { check, checkPath, checkString, followTaming } = require('./errors.js');
const { checkJobOptions, runJob } = require('./job.js');
const native = require('./native.js');

const isFlag = value => value === undefined || typeof value === 'boolean';

/**
 * Writes the spans and snapshots that a store has to a directory, each as `NAME.gz`.
 *
 * @param {string} dirPath
 * @param {string} archiveDir
 * @param {Record<string, any>} [options]
 */
const archiveSwingStore = async (dirPath, archiveDir, options = {}) => {
  checkString('dirPath', dirPath);
  checkPath('archiveDir', archiveDir);
  checkJobOptions(options);
  followTaming();
  const { artifactMode = 'debug', currentSpans, checkExisting } = options;
  validateArtifactMode(artifactMode);
  check(isFlag(currentSpans), 'currentSpans must be a boolean');
  check(isFlag(checkExisting), 'checkExisting must be a boolean');
  const job = native.makeArchiving(
    path.resolve(dirPath),
    path.resolve(archiveDir),
    ...modeArguments(artifactMode),
    !!currentSpans,
    !!checkExisting,
  );
  return runJob(job, options, () => job.run());
};

module.exports = { archiveSwingStore };
