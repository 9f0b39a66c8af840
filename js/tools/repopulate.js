'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { checkPath, followTaming } = require('../common/errors.js');
const { runReportingJob } = require('../common/job.js');
const { WORK, aBoolean, aMode, aPositive, takeOptions } = require('../common/options.js');
const { resolvePlace } = require('../common/paths.js');
const { drain } = require('../common/streams.js');

const OPTIONS = {
  artifactMode: aMode,
  maxArtifactBytes: aPositive,
  maxTransactionBytes: aPositive,
  replaceDamaged: aBoolean,
  ...WORK,
};

/** The options as the addon takes them. */
const jobOptions = ({ artifactMode = 'archival', maxArtifactBytes, maxTransactionBytes, replaceDamaged }) =>
  JSON.stringify({ artifactMode, maxArtifactBytes, maxTransactionBytes, replaceDamaged });

/** Makes a promise that rejects when the signal is aborted, and a function that stops listening to the signal. */
const whenAborted = signal => {
  let listener;
  const aborted = new Promise((_, reject) => {
    listener = () => reject(signal.reason);
    signal?.addEventListener('abort', listener, { once: true });
  });
  aborted.catch(() => {});
  return { aborted, forget: () => signal?.removeEventListener('abort', listener) };
};

/** Imports one artifact if the store needs it. A faulty artifact is recorded in the report. */
const importArtifact = async (job, exporter, name) => {
  if (!(await job.look(name))) return;
  const sink = job.sink();
  try {
    await drain(exporter.getArtifact(name), sink);
  } catch (error) {
    const { code, message } = Object(error);
    if (!job.passOver(name, code, typeof message === 'string' ? message : `${error}`)) {
      throw error;
    }
  }
};

/**
 * Restores a store's pruned spans and snapshots from an exporter.
 *
 * @param {any} exporter
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} [options]
 */
const repopulateSwingStore = async (exporter, dirPath, options) => {
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('repopulateSwingStore', options, OPTIONS);
  const job = native.makeRepopulation(path.resolve(dirPath), jobOptions(taken));
  const { aborted, forget } = whenAborted(taken.signal);
  const work = async () => {
    await job.open();
    for await (const name of exporter.getArtifactNames()) await importArtifact(job, exporter, name);
    const report = await job.finish();
    await exporter.close?.();
    return report;
  };
  try {
    // An exporter that never answers must not block an abort.
    return await runReportingJob(job, taken, () => Promise.race([work(), aborted]));
  } finally {
    forget();
    await job.close();
  }
};

/**
 * Restores a store's pruned spans and snapshots from a directory or another place.
 *
 * @param {string} directory an export or an archive, or a URL
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} [options]
 */
const repopulateSwingStoreFromDirectory = async (directory, dirPath, options) => {
  checkPath('directory', directory);
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('repopulateSwingStoreFromDirectory', options, OPTIONS);
  const job = native.makeRepopulationFromDirectory(resolvePlace(directory), path.resolve(dirPath), jobOptions(taken));
  return runReportingJob(job, taken);
};

module.exports = { repopulateSwingStore, repopulateSwingStoreFromDirectory };
