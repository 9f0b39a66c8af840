'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { modeArguments } = require('../common/artifact-mode.js');
const { checkPath, followTaming } = require('../common/errors.js');
const { harden } = require('../common/harden.js');
const { runJob } = require('../common/job.js');
const { WORK, aBoolean, aMode, aPositive, takeOptions } = require('../common/options.js');
const { drain } = require('../common/streams.js');

const OPTIONS = {
  artifactMode: aMode,
  maxArtifactBytes: aPositive,
  maxTransactionBytes: aPositive,
  replaceDamaged: aBoolean,
  ...WORK,
};

/** The options as the addon takes them. */
const nativeOptions = ({
  artifactMode = 'archival',
  maxArtifactBytes,
  maxTransactionBytes,
  replaceDamaged = false,
}) => [...modeArguments(artifactMode), maxArtifactBytes, maxTransactionBytes, replaceDamaged];

/** A promise that rejects when the signal is aborted, and what lets go of the signal. */
const whenAborted = signal => {
  let listener;
  const aborted = new Promise((_, reject) => {
    listener = () => reject(signal.reason);
    signal?.addEventListener('abort', listener, { once: true });
  });
  aborted.catch(() => {});
  return { aborted, forget: () => signal?.removeEventListener('abort', listener) };
};

/** Brings one artifact to the store, if that needs it. What is wrong with it is noted. */
const take = async (job, exporter, name) => {
  if (!(await job.look(name))) return;
  const sink = job.sink();
  try {
    await drain(exporter.getArtifact(name), sink);
  } catch (error) {
    const { code, message } = Object(error);
    if (!job.passOver(name, typeof code === 'string' ? code : '', typeof message === 'string' ? message : `${error}`)) {
      throw error;
    }
  }
};

/**
 * Fills what was pruned from a store with what an exporter gives.
 *
 * @param {any} exporter
 * @param {string} dirPath
 * @param {Record<string, any>} [options]
 */
const repopulateSwingStore = async (exporter, dirPath, options) => {
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('repopulateSwingStore', options, OPTIONS);
  const job = native.makeRepopulation(path.resolve(dirPath), ...nativeOptions(taken));
  const { aborted, forget } = whenAborted(taken.signal);
  const work = async () => {
    await job.open();
    for await (const name of exporter.getArtifactNames()) await take(job, exporter, name);
    const report = await job.finish();
    await exporter.close?.();
    return report;
  };
  try {
    // An exporter that does not answer must not keep the caller waiting.
    return harden(await runJob(job, taken, () => Promise.race([work(), aborted])));
  } finally {
    forget();
    await job.close();
  }
};

/**
 * Fills what was pruned from a store with artifacts from a directory.
 *
 * @param {string} directory
 * @param {string} dirPath
 * @param {Record<string, any>} [options]
 */
const repopulateSwingStoreFromDirectory = async (directory, dirPath, options) => {
  checkPath('directory', directory);
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('repopulateSwingStoreFromDirectory', options, OPTIONS);
  const job = native.makeRepopulationFromDirectory(
    path.resolve(directory),
    path.resolve(dirPath),
    ...nativeOptions(taken),
  );
  return harden(await runJob(job, taken, () => job.run()));
};

module.exports = { repopulateSwingStore, repopulateSwingStoreFromDirectory };
