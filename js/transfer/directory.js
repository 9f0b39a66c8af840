'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { modeArguments } = require('../common/artifact-mode.js');
const { check, checkPath, checkString, followTaming, quote } = require('../common/errors.js');
const { harden } = require('../common/harden.js');
const { runJob } = require('../common/job.js');
const { WORK, aHeight, aMode, takeOptions } = require('../common/options.js');
const { STORE_OPTIONS, checkOptions, makeSwingStore } = require('../store/swing-store.js');
const { makeStaging } = require('./staging.js');

const REPAIR = { blockHeight: aHeight, ...WORK };

const EXPORT = {
  artifactMode: (name, mode) => mode === 'none' || aMode(name, mode),
  exportDataMode: (name, mode) =>
    check(mode === 'all' || mode === 'skip', `invalid exportDataMode ${quote(mode)}: an export takes "all" or "skip"`),
  ...REPAIR,
};

const IMPORT = {
  artifactMode(name, mode) {
    check(mode !== 'none', 'an import needs artifacts: artifactMode must not be "none"');
    aMode(name, mode);
  },
  exportDataMode: (name, mode) =>
    check(
      mode === 'all',
      `invalid exportDataMode ${quote(mode)}: an import takes "all". To repair a store's metadata, ` +
        'call repairSwingStoreFromDirectory; to fill in artifacts, repopulateSwingStoreFromDirectory',
    ),
  ...REPAIR,
  ...STORE_OPTIONS,
  readonly: (name, value) => check(!value, 'a store that is to be imported must not be readonly'),
  serialized: (name, value) => check(!value, 'a store that is to be imported must not be serialized'),
};

/**
 * Writes a store's last commit to a directory.
 *
 * @param {string} dirPath
 * @param {string} exportDir
 * @param {Record<string, any>} [options]
 */
const exportSwingStoreToDirectory = async (dirPath, exportDir, options) => {
  checkString('dirPath', dirPath);
  checkString('exportDir', exportDir);
  followTaming();
  const taken = takeOptions('exportSwingStoreToDirectory', options, EXPORT);
  const { artifactMode = 'operational', exportDataMode = 'all', blockHeight } = taken;
  const job = native.makeDirectoryExport(
    path.resolve(dirPath),
    path.resolve(exportDir),
    ...modeArguments(artifactMode),
    exportDataMode === 'all',
    blockHeight,
  );
  return runJob(job, taken, () => job.run());
};

/**
 * Makes a new store from a directory with an export. Nothing is permanent until the caller commits.
 *
 * @param {string} exportDir
 * @param {string} dirPath
 * @param {Record<string, any>} [options]
 */
const importSwingStoreFromDirectory = async (exportDir, dirPath, options) => {
  checkString('exportDir', exportDir);
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('importSwingStoreFromDirectory', options, IMPORT);
  const { artifactMode, exportDataMode, blockHeight, onProgress, signal, ...others } = taken;
  const storeOptions = { unsafeFastMode: true, ...others };
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
      staging = await makeStaging(storePath, storeOptions, false);
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
const repairSwingStoreFromDirectory = async (exportDir, dirPath, options) => {
  checkString('exportDir', exportDir);
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('repairSwingStoreFromDirectory', options, REPAIR);
  const job = native.makeDirectoryRepair(path.resolve(exportDir), path.resolve(dirPath), taken.blockHeight);
  return runJob(job, taken, () => job.run());
};

module.exports = { exportSwingStoreToDirectory, importSwingStoreFromDirectory, repairSwingStoreFromDirectory };
