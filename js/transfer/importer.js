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
 * Takes kvStore entries, which are many. Unless the caller has wrapped the kvStore, and so has to
 * see each of them, they are stored some at a time on another thread, while the next are read.
 */
const makeEntryTaker = ({ kvStore }, setMany) => {
  const takeOne = (key, value) => {
    if (value === null) kvStore.delete(key);
    else kvStore.set(key, value);
  };
  if (!setMany) return { take: takeOne, finish: async () => {} };

  const batchSize = native.chunkBytes();
  /** A pair of more characters may not fit into one string with what is packed already. */
  const longest = MAX_STRING_LENGTH - batchSize;
  const packer = makePacker();
  let storing;
  /** Hands on what there is, once all before it is stored. */
  const handOn = async () => {
    await storing;
    storing = setMany(...packer.take());
    // It is awaited later; until then its failure is not unhandled.
    storing.catch(() => {});
  };
  const finish = async () => {
    await handOn();
    await storing;
  };
  return {
    take(key, value) {
      // The store has something to say about what is no string, in its turn; and what is packed is one string.
      if (value !== null && (typeof value !== 'string' || key.length + value.length > longest)) {
        return finish().then(() => takeOne(key, value));
      }
      return packer.add(key, value) < batchSize ? undefined : handOn();
    },
    finish,
  };
};

/** Adds what the records tell of, yet without contents. */
const importRecords = async (exporter, { kernelStorage, internal }, setMany) => {
  const entries = makeEntryTaker(kernelStorage, setMany);
  let records;
  try {
    records = await collectRecords(exporter, (key, value) => entries.take(key, value ?? null));
  } finally {
    // Should the exporter have failed, an entry that came before may have, too, and counts.
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

/** How many artifacts may be in work although they were read to their end. */
const UNFINISHED = 2;

/**
 * Fills in the contents that the mode wants, each checked against its record.
 *
 * Artifacts are read one after the other, as exporters expect. But while a snapshot is being compressed or a bundle
 * checked, the next is read already. If several fail, the first counts.
 */
const importArtifacts = async (exporter, { internal }, artifactMode) => {
  const { bundleStore, snapStore, transcriptStore } = internal;

  /** Imports an artifact; tells by `whenRead` when its exporter is no longer needed. */
  const importArtifact = async (name, whenRead) => {
    const getChunks = () => exporter.getArtifact(name);
    const kind = kindOf(name);
    if (kind === 'bundle') {
      const read = async () => {
        // More than a bundle may have is refused, and a stream may have no end.
        const data = await buffer(getChunks(), native.maxBundleBytes());
        whenRead();
        return data;
      };
      await bundleStore.importBundle(name, read);
    } else if (kind === 'snapshot') {
      await snapStore.populateSnapshot(name, getChunks, { artifactMode, whenRead });
    } else if (kind === 'transcript') {
      // It is finished before the next one begins: whether an item too many takes the place of another must not
      // depend on how far the span that follows has come.
      await transcriptStore.populateTranscriptSpan(name, getChunks, { artifactMode });
    } else {
      native.refuseArtifact(name);
    }
  };

  const unfinished = [];
  let hasFailed = false;
  /** Waits for the oldest until no more than `limit` are left. */
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
        // Whether it failed is looked at in its turn.
        work.then(resolve, resolve);
        unfinished.push(work);
      });
      await finish(UNFINISHED);
    }
    await finish(0);
  } catch (error) {
    // If it was the exporter that failed, an artifact may have failed before.
    if (!hasFailed) await finish(0);
    throw error;
  } finally {
    // Nothing may go on with a store that is about to be closed.
    await Promise.allSettled(unfinished);
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
  const staging = dirPath ? await makeStaging(dirPath, allOptions, true) : undefined;
  let store;
  try {
    const made = makeSwingStore(dirPath, true, allOptions, staging);
    store = made.store;
    await importRecords(exporter, store, made.setMany);
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
