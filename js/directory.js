'use strict';

const path = require('node:path');

const { modeArguments, validateArtifactMode } = require('./artifact-mode.js');
const { check, checkPath, checkString, followTaming, quote } = require('./errors.js');
const { harden } = require('./harden.js');
const { checkJobOptions, runJob } = require('./job.js');
const native = require('./native.js');
const { makeStaging } = require('./staging.js');
const { checkOptions, makeSwingStore } = require('./swing-store.js');

/** Throws unless these are what they should be. */
const checkRunOptions = options => {
  const { blockHeight } = options;
  check(blockHeight === undefined || typeof blockHeight === 'number', 'blockHeight must be a number');
  checkJobOptions(options);
};

/**
 * Writes a store's last commit to a directory.
 *
 * @param {string} dirPath
 * @param {string} exportDir
 * @param {Record<string, any>} [options]
 */
const exportSwingStoreToDirectory = async (dirPath, exportDir, options = {}) => {
  checkString('dirPath', dirPath);
  checkString('exportDir', exportDir);
  checkRunOptions(options);
  followTaming();
  const { artifactMode = 'operational', exportDataMode = 'all', blockHeight } = options;
  check(
    exportDataMode === 'all' || exportDataMode === 'skip',
    `invalid exportDataMode ${quote(exportDataMode)}: an export takes "all" or "skip"`,
  );
  const job = native.makeDirectoryExport(
    path.resolve(dirPath),
    path.resolve(exportDir),
    ...modeArguments(artifactMode),
    exportDataMode === 'all',
    blockHeight,
  );
  return runJob(job, options, () => job.run());
};

/**
 * Makes a new store from a directory with an export. Nothing is permanent until the caller commits.
 *
 * @param {string} exportDir
 * @param {string} dirPath
 * @param {Record<string, any>} [options]
 */
const importSwingStoreFromDirectory = async (exportDir, dirPath, options = {}) => {
  checkString('exportDir', exportDir);
  checkPath('dirPath', dirPath);
  checkRunOptions(options);
  followTaming();
  const { artifactMode, exportDataMode = 'all', blockHeight, onProgress, signal, ...others } = options;
  check(artifactMode !== 'none', 'an import needs artifacts: artifactMode must not be "none"');
  if (artifactMode !== undefined) validateArtifactMode(artifactMode);
  check(
    exportDataMode === 'all',
    `invalid exportDataMode ${quote(exportDataMode)}: an import takes "all". To repair a store's metadata, ` +
      'call repairSwingStoreFromDirectory; to fill in artifacts, repopulateSwingStoreFromDirectory',
  );
  const storeOptions = { unsafeFastMode: true, ...others };
  check(!storeOptions.readonly, 'a store that is to be imported must not be readonly');
  check(!storeOptions.serialized, 'a store that is to be imported must not be serialized');
  checkOptions(dirPath, storeOptions);

  const storePath = path.resolve(dirPath);
  const job = native.makeDirectoryImport(
    path.resolve(exportDir),
    storePath,
    ...modeArguments(artifactMode),
    blockHeight,
    !!storeOptions.exportCallback,
  );
  let staging;
  try {
    const height = await runJob(job, { onProgress, signal }, async () => {
      const found = await job.open();
      staging = await makeStaging(storePath, storeOptions);
      await job.run(staging.staged);
      return found;
    });
    // The last report may have failed, or the signal come too late for the job.
    if (signal) signal.throwIfAborted();
    const { store, begin } = makeSwingStore(dirPath, true, storeOptions, staging);
    // As after any import there is something to commit.
    begin();
    const { hostStorage, debug } = store;
    return harden({ hostStorage, debug, blockHeight: height });
  } catch (error) {
    if (staging) await staging.discard();
    throw error;
  }
};

/**
 * Adds the records that a store lacks, from a directory with an export of the same block, and commits.
 *
 * @param {string} exportDir
 * @param {string} dirPath
 * @param {Record<string, any>} [options]
 */
const repairSwingStoreFromDirectory = async (exportDir, dirPath, options = {}) => {
  checkString('exportDir', exportDir);
  checkPath('dirPath', dirPath);
  checkRunOptions(options);
  followTaming();
  const job = native.makeDirectoryRepair(path.resolve(exportDir), path.resolve(dirPath), options.blockHeight);
  return runJob(job, options, () => job.run());
};

module.exports = { exportSwingStoreToDirectory, importSwingStoreFromDirectory, repairSwingStoreFromDirectory };
