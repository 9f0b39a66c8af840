'use strict';

const { validateArtifactMode } = require('./artifact-mode.js');
const { check, followTaming, quote } = require('./errors.js');
const { harden } = require('./harden.js');
const { collectRecords, kindOf } = require('./records.js');
const { makeStaging } = require('./staging.js');
const { assertComplete, checkOptions, makeSwingStore } = require('./swing-store.js');
const { buffer } = require('./util.js');

/** Adds what the records tell of, yet without contents. */
const importRecords = async (exporter, { kernelStorage, internal }) => {
  const { kvStore } = kernelStorage;
  const records = await collectRecords(exporter, (key, value) => {
    if (value === null || value === undefined) kvStore.delete(key);
    else kvStore.set(key, value);
  });
  const { bundleStore, snapStore, transcriptStore } = internal;
  for (const [key, value] of records) {
    const kind = kindOf(key);
    if (kind === 'bundle') bundleStore.importBundleRecord(key, value);
    else if (kind === 'snapshot') snapStore.importSnapshotRecord(key, value);
    else if (kind === 'transcript') transcriptStore.importTranscriptSpanRecord(key, value);
    else check(false, `unknown export-data type ${quote(kind)} on import`);
  }
};

/** Fills in the contents that the mode wants, each checked against its record. */
const importArtifacts = async (exporter, { internal }, artifactMode) => {
  const { bundleStore, snapStore, transcriptStore } = internal;
  const options = { artifactMode };
  for await (const name of exporter.getArtifactNames()) {
    const getChunks = () => exporter.getArtifact(name);
    const kind = kindOf(name);
    if (kind === 'bundle') {
      await bundleStore.importBundle(name, async () => buffer(getChunks()));
    } else if (kind === 'snapshot') {
      await snapStore.populateSnapshot(name, getChunks, options);
    } else if (kind === 'transcript') {
      await transcriptStore.populateTranscriptSpan(name, getChunks, options);
    } else {
      check(false, `unknown artifact type ${quote(kind)} on import`);
    }
  }
};

/**
 * Makes a new store from what an exporter gives. Once the caller commits, it is in its place, and what was there is
 * gone.
 *
 * @param {any} exporter
 * @param {string | null} [dirPath]
 * @param {Record<string, any>} [options]
 */
const importSwingStore = async (exporter, dirPath = null, options = {}) => {
  check(!dirPath || typeof dirPath === 'string', 'dirPath must be a string');
  followTaming();
  const { artifactMode = 'operational', ...storeOptions } = options;
  validateArtifactMode(artifactMode);

  const allOptions = { unsafeFastMode: true, ...storeOptions };
  checkOptions(dirPath, allOptions);
  const staging = dirPath ? await makeStaging(dirPath, allOptions) : undefined;
  let store;
  try {
    ({ store } = makeSwingStore(dirPath, true, allOptions, staging));
    await importRecords(exporter, store);
    await importArtifacts(exporter, store, artifactMode);
    // What is needed to run must be there even if only `debug` was asked for.
    assertComplete(store.internal, artifactMode === 'debug' ? 'operational' : artifactMode);
    await exporter.close();
  } catch (error) {
    // What was imported so far must not pass for a store.
    if (store) await store.hostStorage.close();
    else if (staging) await staging.discard();
    throw error;
  }
  const { hostStorage, debug } = store;
  return harden({ hostStorage, debug });
};

module.exports = { importSwingStore };
