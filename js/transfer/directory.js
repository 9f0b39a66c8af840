'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { check, checkPath, checkString, followTaming, quote } = require('../common/errors.js');
const { harden } = require('../common/harden.js');
const { runJob, runReportingJob } = require('../common/job.js');
const { WORK, aBoolean, aHeight, aMode, aString, takeOptions } = require('../common/options.js');
const { resolvePlace } = require('../common/paths.js');
const { STORE_OPTIONS, checkOptions, makeSwingStore } = require('../store/swing-store.js');
const { makeStaging } = require('./staging.js');

const REPAIR = { blockHeight: aHeight, ...WORK };

const EXPORT = {
  artifactMode: (name, mode) => mode === 'none' || aMode(name, mode),
  exportDataMode: (name, mode) =>
    check(mode === 'all' || mode === 'skip', `invalid exportDataMode ${quote(mode)}: an export takes "all" or "skip"`),
  compress: aBoolean,
  historyFrom: checkPath,
  reuse: aString,
  verifyReused: aBoolean,
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
        'call repairSwingStoreFromDirectory; to restore artifacts, call repopulateSwingStoreFromDirectory',
    ),
  ...REPAIR,
  ...STORE_OPTIONS,
  readonly: (name, value) => check(!value, 'an imported store must not be readonly'),
  serialized: (name, value) => check(!value, 'an imported store must not be serialized'),
};

/**
 * Exports a store to a directory, as of its last commit.
 *
 * @param {string} dirPath the store's directory
 * @param {string} exportDir
 * @param {Record<string, any>} [options]
 */
const exportSwingStoreToDirectory = async (dirPath, exportDir, options) => {
  checkString('dirPath', dirPath);
  checkString('exportDir', exportDir);
  followTaming();
  const taken = takeOptions('exportSwingStoreToDirectory', options, EXPORT);
  const { artifactMode = 'operational', exportDataMode = 'all', blockHeight, compress, reuse, verifyReused } = taken;
  const { historyFrom } = taken;
  const jobOptions = JSON.stringify({
    artifactMode: artifactMode === 'none' ? undefined : artifactMode,
    withData: exportDataMode === 'all',
    blockHeight,
    compress,
    historyFrom: historyFrom && resolvePlace(historyFrom),
    reuse: reuse === undefined ? undefined : path.resolve(reuse),
    verifyReused,
  });
  return runReportingJob(native.makeDirectoryExport(path.resolve(dirPath), path.resolve(exportDir), jobOptions), taken);
};

/**
 * Creates a store from a directory with an export. Nothing is permanent until the caller commits.
 *
 * @param {string} exportDir
 * @param {string} dirPath the store's path
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
  const { historicalSpans, exportCallback } = storeOptions;
  const jobOptions = { artifactMode, blockHeight, recordExports: !!exportCallback, historicalSpans };
  const job = native.makeDirectoryImport(path.resolve(exportDir), storePath, JSON.stringify(jobOptions));
  let staging;
  try {
    const height = await runJob(job, { onProgress, signal }, async () => {
      const found = await job.open();
      staging = await makeStaging(storePath, storeOptions, false);
      await job.run(staging.staged);
      return found;
    });
    // The signal may have been aborted after the job's end.
    if (signal) signal.throwIfAborted();
    const { store, begin } = makeSwingStore(dirPath, true, storeOptions, staging);
    // As after any import, the caller commits the imported store.
    begin();
    const { hostStorage, debug } = store;
    return harden({ hostStorage, debug, blockHeight: height });
  } catch (error) {
    if (staging) await staging.discard();
    throw error;
  }
};

/**
 * Adds a store's missing records from a directory with an export of the same block, and commits.
 *
 * @param {string} exportDir
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} [options]
 */
const repairSwingStoreFromDirectory = async (exportDir, dirPath, options) => {
  checkString('exportDir', exportDir);
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('repairSwingStoreFromDirectory', options, REPAIR);
  const jobOptions = JSON.stringify({ blockHeight: taken.blockHeight });
  return runReportingJob(native.makeDirectoryRepair(path.resolve(exportDir), path.resolve(dirPath), jobOptions), taken);
};

module.exports = { exportSwingStoreToDirectory, importSwingStoreFromDirectory, repairSwingStoreFromDirectory };
