'use strict';

const { MAX_STRING_LENGTH } = require('node:buffer').constants;

const native = require('../addon/native.js');
const { validateArtifactMode } = require('../common/artifact-mode.js');
const { check, followTaming } = require('../common/errors.js');
const { collectRecords, kindOf } = require('../common/export-records.js');
const { harden } = require('../common/harden.js');
const { makePacker } = require('../common/packed.js');
const { buffer } = require('../common/streams.js');
const { assertComplete, checkOptions, makeSwingStore } = require('../store/swing-store.js');
const { makeStaging } = require('./staging.js');

/**
 * Stores kvStore entries in batches on another thread, while the next ones are read. If the caller has wrapped the kvStore,
 * sets each entry through the wrapper instead.
 */
const makeEntryTaker = ({ kvStore }, setMany) => {
  const takeOne = (key, value) => {
    if (value === null) kvStore.delete(key);
    else kvStore.set(key, value);
  };
  if (!setMany) return { take: takeOne, finish: async () => {} };

  const batchSize = native.chunkBytes();
  /** A pair with more characters may not fit into one string with those packed before. */
  const longest = MAX_STRING_LENGTH - batchSize;
  const packer = makePacker();
  let storing;
  /** Starts to store the packed entries, after all earlier ones are stored. */
  const storeBatch = async () => {
    await storing;
    storing = setMany(...packer.take());
    // Awaited later; this prevents an unhandled rejection until then.
    storing.catch(() => {});
  };
  const finish = async () => {
    await storeBatch();
    await storing;
  };
  return {
    take(key, value) {
      // The store throws for a value that is not a string, in the entry's turn. A very long pair does not fit into a pack.
      if (value !== null && (typeof value !== 'string' || key.length + value.length > longest)) {
        return finish().then(() => takeOne(key, value));
      }
      return packer.add(key, value) < batchSize ? undefined : storeBatch();
    },
    finish,
  };
};

/** Imports the export data: kvStore entries, and records of artifacts that have no contents yet. */
const importRecords = async (exporter, { kernelStorage, internal }, setMany) => {
  const entries = makeEntryTaker(kernelStorage, setMany);
  let records;
  try {
    records = await collectRecords(exporter, (key, value) => entries.take(key, value ?? null));
  } finally {
    // If the exporter failed, the error of an earlier entry counts instead.
    await entries.finish();
  }
  const { bundleStore, snapStore, transcriptStore } = internal;
  for (const [key, value] of records) {
    const kind = kindOf(key);
    if (kind === 'bundle') bundleStore.importBundleRecord(key, value);
    else if (kind === 'snapshot') snapStore.importSnapshotRecord(key, value);
    else if (kind === 'transcript') transcriptStore.importTranscriptSpanRecord(key, value);
    else native.refuseRecord(key);
  }
};

/** How many artifacts that were read to their end may still be in process. */
const UNFINISHED = 2;

/**
 * Imports the artifacts that the mode requires, and checks each against its record.
 *
 * Reads artifacts one after the other, as exporters expect, but reads the next while a snapshot is being compressed, a
 * bundle checked, or the end of a span stored. If several fail, throws the error of the first.
 */
const importArtifacts = async (exporter, { internal }, artifactMode) => {
  const { bundleStore, snapStore, transcriptStore } = internal;

  /** The import of the last span. */
  let lastSpan;

  /** Imports an artifact. Calls `whenRead` when it no longer needs the exporter. */
  const importArtifact = async (name, whenRead) => {
    const getChunks = () => exporter.getArtifact(name);
    const kind = kindOf(name);
    if (kind === 'bundle') {
      const read = async () => {
        // A larger bundle is refused, and a stream may be endless.
        const data = await buffer(getChunks(), native.maxBundleBytes());
        whenRead();
        return data;
      };
      await bundleStore.importBundle(name, read);
    } else if (kind === 'snapshot') {
      await snapStore.populateSnapshot(name, getChunks, { artifactMode, whenRead });
    } else if (kind === 'transcript') {
      // Nothing of it is stored before the last span is complete: whether a surplus item replaces another must not depend
      // on how much of the next span was imported. That its stream is read meanwhile takes 7 % less time on a tenth of the
      // large store.
      const turn = lastSpan;
      lastSpan = transcriptStore.populateTranscriptSpan(name, getChunks, { artifactMode, whenRead, turn });
      await lastSpan;
    } else {
      native.refuseArtifact(name);
    }
  };

  const unfinished = [];
  /** Whether an artifact failed, and whether its error was thrown. */
  let isFailing = false;
  let hasFailed = false;
  /** Waits for the oldest until at most `limit` are left. */
  const finish = async limit => {
    try {
      while (unfinished.length > limit) await unfinished.shift();
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  };
  try {
    for await (const name of exporter.getArtifactNames()) {
      await new Promise(resolve => {
        const work = importArtifact(name, resolve);
        unfinished.push(work);
        // `finish` throws a failure in its turn.
        work.then(resolve, () => {
          isFailing = true;
          resolve();
        });
      });
      await finish(isFailing ? 0 : UNFINISHED);
    }
    await finish(0);
  } catch (error) {
    // If the exporter failed, the error of an earlier artifact counts instead.
    if (!hasFailed) await finish(0);
    throw error;
  } finally {
    // No work may continue on a store that is about to be closed.
    await Promise.allSettled(unfinished);
  }
};

/**
 * Creates a store from an exporter. The caller's first commit publishes it at `dirPath`, where it replaces what was there.
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
  const staging = dirPath ? await makeStaging(dirPath, allOptions, true) : undefined;
  let store;
  try {
    const made = makeSwingStore(dirPath, true, allOptions, staging);
    store = made.store;
    await importRecords(exporter, store, made.setMany);
    await importArtifacts(exporter, store, artifactMode);
    // The mode `debug` still requires what a kernel needs to run.
    assertComplete(store.internal, artifactMode === 'debug' ? 'operational' : artifactMode);
    await exporter.close();
  } catch (error) {
    // A partial import must not be taken for a store.
    if (store) await store.hostStorage.close();
    else if (staging) await staging.discard();
    throw error;
  }
  const { hostStorage, debug } = store;
  return harden({ hostStorage, debug });
};

module.exports = { importSwingStore };
