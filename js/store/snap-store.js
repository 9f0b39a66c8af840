'use strict';

const { performance } = require('node:perf_hooks');

const native = require('../addon/native.js');
const { modeArguments } = require('../common/artifact-mode.js');
const { events } = require('../common/events.js');
const { harden, hardenOwn } = require('../common/harden.js');
const { chunks, drain, elements } = require('../common/streams.js');
const { directoryOf } = require('./archivers.js');
const { borrowedPowers } = require('./substore-powers.js');

/** Makes the `io` of a snapStore, which measures how long a function takes. */
const makeSnapStoreIO = () => ({
  async measureSeconds(fn) {
    const start = performance.now();
    const result = await fn();
    return { result, duration: (performance.now() - start) / 1000 };
  },
});

/**
 * Makes the functions of a snapStore.
 *
 * @param {import('./substore-powers.js').Powers} powers
 * @param {ReturnType<typeof makeSnapStoreIO>} io
 * @param {{ archiveSnapshot?: (name: string, gzData: Buffer) => Promise<void>, storePath?: string | null }} options
 */
const snapStoreOver = ({ fns, writes, ensureTxn }, { measureSeconds }, { archiveSnapshot, storePath = null }) => {
  const save = writes(fns.saveSnapshot);
  const populate = writes(fns.populateSnapshot);

  /** Archives a saved snapshot. For an archiver of this package, the addon writes the file on another thread. */
  const archive = async (sink, name) => {
    const directory = directoryOf(archiveSnapshot, 'snapshot');
    const archived = directory === undefined ? null : sink.archive(name, directory);
    return archived === null ? archiveSnapshot(name, sink.compressed()) : archived;
  };

  async function* loadSnapshot(vatID) {
    yield* chunks(fns.loadSnapshot(vatID));
  }
  async function* getArtifactNames(artifactMode) {
    yield* fns.snapshotNames(...modeArguments(artifactMode));
  }
  function* getExportRecords(includeHistorical = true) {
    yield* elements(fns.snapshotRecords(!!includeHistorical));
  }
  function* listAllSnapshots() {
    yield* fns.listAllSnapshots();
  }

  return hardenOwn({
    async saveSnapshot(vatID, snapPos, snapshotStream) {
      const sink = native.makeSnapshotSink();
      const { duration: compressSeconds } = await measureSeconds(() => drain(snapshotStream, sink));
      const { hash, uncompressedSize, compressedSize } = sink.summary();
      const { duration: dbSaveSeconds, result: exportKey } = await measureSeconds(async () => {
        ensureTxn();
        return save(vatID, snapPos, sink, !!archiveSnapshot);
      });
      fns.noteSavedSnapshot(compressSeconds + dbSaveSeconds, uncompressedSize, compressedSize);
      let archiveWriteSeconds;
      if (archiveSnapshot) {
        ({ duration: archiveWriteSeconds } = await measureSeconds(() => archive(sink, exportKey)));
      }
      const result = {
        hash,
        uncompressedSize,
        compressSeconds,
        dbSaveSeconds,
        archiveWriteSeconds,
        compressedSize,
      };
      events.snapshot(() => ({ path: storePath, vatID, snapPos, ...result }));
      return harden(result);
    },
    loadSnapshot,
    deleteAllUnusedSnapshots: writes(fns.deleteAllUnusedSnapshots),
    deleteVatSnapshots: writes(fns.deleteVatSnapshots),
    stopUsingLastSnapshot: writes(fns.stopUsingLastSnapshot),
    getSnapshotInfo: fns.getSnapshotInfo,

    getExportRecords,
    getArtifactNames,
    exportSnapshot: name => chunks(fns.exportSnapshot(name)),

    importSnapshotRecord: writes(fns.importSnapshotRecord),
    async populateSnapshot(name, makeChunkIterator, { artifactMode = 'archival', whenRead }) {
      ensureTxn();
      const sink = fns.importSnapshot(name, ...modeArguments(artifactMode));
      if (!sink) return;
      await drain(await makeChunkIterator(), sink, whenRead);
      populate(sink);
    },
    assertComplete: checkMode => fns.checkSnapshots(...modeArguments(checkMode)),
    repairSnapshotRecord: writes(fns.repairSnapshotRecord),

    hasHash: fns.hasHash,
    listAllSnapshots,
    dumpSnapshots(includeHistorical = true) {
      const snapshots = {};
      for (const [vatID, snapshot] of fns.dumpSnapshots(!!includeHistorical)) {
        snapshots[vatID] ||= [];
        snapshots[vatID].push(snapshot);
      }
      return snapshots;
    },
    deleteSnapshotByHash: writes(fns.deleteSnapshotByHash),
  });
};

/**
 * Makes a snapStore over a database.
 *
 * @param {unknown} db a Database, or an in-memory handle of better-sqlite3
 * @param {() => void} ensureTxn begins a transaction unless there is one
 * @param {ReturnType<typeof makeSnapStoreIO>} io
 * @param {(key: string, value: string | undefined) => void} [noteExport] receives changes of the export data
 * @param {{ keepSnapshots?: boolean, archiveSnapshot?: any }} [options]
 */
const makeSnapStore = (db, ensureTxn, io, noteExport = () => {}, options = {}) =>
  snapStoreOver(borrowedPowers(db, 'snapshots', ensureTxn, noteExport, options), io, options);

module.exports = { makeSnapStore, makeSnapStoreIO, snapStoreOver };
