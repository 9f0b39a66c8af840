'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { performance } = require('node:perf_hooks');

const native = require('../addon/native.js');
const { measuredFunctions } = require('../addon/store-functions.js');
const { check, followTaming, quote } = require('../common/errors.js');
const { events } = require('../common/events.js');
const { harden, hardenOwn } = require('../common/harden.js');
const { aBoolean, aFunction, aString, anything } = require('../common/options.js');
const { unpackPairs } = require('../common/packed.js');
const { dbFileInDirectory } = require('../common/paths.js');
const { bundleStoreOver } = require('./bundle-store.js');
const { clearCachesOf } = require('./caches.js');
const { makeCompactHistory } = require('./compact-history.js');
const { Database, handleOf } = require('./database.js');
const { eraseStore, recreateStorePath } = require('./erase-store.js');
const { makeKVCache } = require('./kv-cache.js');
const { baseKVStore, hostKVStore, kernelKVStore } = require('./kv-store.js');
const { makeMetrics } = require('./metrics.js');
const { repairMetadata } = require('./repair-metadata.js');
const { makeScriptCache } = require('./script-cache.js');
const { makeSnapStoreIO, snapStoreOver } = require('./snap-store.js');
const { ownPowers } = require('./substore-powers.js');
const { transcriptStoreOver } = require('./transcript-store.js');

const MEMORY = ':memory:';

/** How a store keeps the items of historical spans. */
const aForm = (name, value) =>
  check(value === 'rows' || value === 'compressed', `invalid ${name} ${quote(value)}: use "rows" or "compressed"`);

/** Checks the options of a store, for functions that the reference lacks. The reference's functions accept unknown options. */
const STORE_OPTIONS = {
  asFile: aBoolean,
  // `checkOptions` checks these and throws the reference's errors.
  serialized: anything,
  exportCallback: anything,
  unsafeFastMode: aBoolean,
  readonly: aBoolean,
  traceFile: aString,
  keepSnapshots: aBoolean,
  keepTranscripts: aBoolean,
  historicalSpans: aForm,
  archiveSnapshot: aFunction,
  archiveTranscript: aFunction,
  wrapKvStore: aFunction,
  wrapTranscriptStore: aFunction,
  wrapSnapStore: aFunction,
  wrapBundleStore: aFunction,
};

/** The methods of each sub-store that the kernel gets. */
const KERNEL_FACING = {
  transcriptStore: [
    'initTranscript',
    'rolloverSpan',
    'rolloverIncarnation',
    'getCurrentSpanBounds',
    'addItem',
    'readSpan',
    'stopUsingTranscript',
    'deleteVatTranscripts',
  ],
  snapStore: [
    'loadSnapshot',
    'saveSnapshot',
    'deleteAllUnusedSnapshots',
    'deleteVatSnapshots',
    'stopUsingLastSnapshot',
    'getSnapshotInfo',
  ],
  bundleStore: ['addBundle', 'hasBundle', 'getBundle', 'deleteBundle'],
};

/** The default of the functions that wrap a sub-store. */
const unwrapped = subStore => subStore;

const pick = (object, names) =>
  Object.fromEntries(
    names.map(name => {
      check(Object.hasOwn(object, name), `specimen is missing path ${quote([name])}`);
      return [name, object[name]];
    }),
  );

/** Throws unless a store is complete for an export in this mode. */
const assertComplete = ({ bundleStore, transcriptStore, snapStore }, checkMode) => {
  bundleStore.assertComplete(checkMode);
  transcriptStore.assertComplete(checkMode);
  snapStore.assertComplete(checkMode);
};

/**
 * Prepares `storePath` for a store, erasing the old store if `forceReset` is set.
 *
 * @returns {string} the path of the database file, or `:memory:`
 * @throws if a store that would be erased is open anywhere
 */
const prepareFile = (storePath, forceReset, asFile) => {
  if (!storePath) return MEMORY;
  if (forceReset) native.checkUnused(path.resolve(storePath), JSON.stringify({ asFile: !!asFile }));
  const old = forceReset ? eraseStore(storePath, asFile) : {};
  recreateStorePath(storePath, asFile, old);
  return asFile ? storePath : dbFileInDirectory(storePath);
};

/**
 * A database in a hidden directory that the first commit publishes: only then does it replace what is at `storePath`.
 *
 * @typedef {object} Staging
 * @property {string} filePath where the database file will be once it is published
 * @property {Database} db
 * @property {() => void} relax turns off waiting for the disk until `publish`
 * @property {() => string} currentFile the database file's present path
 * @property {(unsafeFastMode: boolean) => Promise<void>} publish moves the database to `filePath`
 * @property {() => Promise<void>} discard deletes the database unless it was published
 */

/** Throws unless a store at this path can have these options. */
const checkOptions = (storePath, { serialized, exportCallback, historicalSpans }) => {
  if (historicalSpans !== undefined) aForm('historicalSpans', historicalSpans);
  if (serialized) {
    check(Buffer.isBuffer(serialized), 'options.serialized must be Buffer');
    check(storePath === null, 'options.serialized makes :memory: DB');
  }
  check(exportCallback === undefined || typeof exportCallback === 'function', 'export callback must be a function');
};

/**
 * Opens a store, creating it if necessary. Also returns functions for imports: `begin` begins a transaction, and `setMany`
 * stores many kvStore entries on another thread.
 *
 * @param {string | null} storePath null for a store in memory
 * @param {boolean} forceReset whether to erase the existing store first
 * @param {Record<string, any>} options
 * @param {Staging} [staging] where to build the store; without it, the store is built at `storePath`
 */
const makeSwingStore = (storePath, forceReset, options, staging) => {
  const {
    asFile = false,
    serialized,
    unsafeFastMode = false,
    readonly = false,
    traceFile,
    keepSnapshots = false,
    keepTranscripts = true,
    historicalSpans = 'rows',
    archiveSnapshot,
    archiveTranscript,
    exportCallback,
    wrapKvStore,
    wrapTranscriptStore = unwrapped,
    wrapSnapStore = unwrapped,
    wrapBundleStore = unwrapped,
  } = options;
  checkOptions(storePath, options);
  followTaming();

  const filePath = staging ? staging.filePath : prepareFile(storePath, forceReset, asFile);
  const db = staging ? staging.db : new Database(serialized || filePath, { readonly: !!readonly });
  let isOpen = true;

  const open = () => {
    const handle = handleOf(db);
    native.initializeStore(handle, JSON.stringify({ readonly: !!readonly, unsafeFastMode: !!unsafeFastMode }));
    if (staging) staging.relax();
    const nativeOptions = {
      transactions: 'own',
      changeTarget: exportCallback ? 'pendingExports' : 'discard',
      keepSnapshots: !!keepSnapshots,
      keepTranscripts: !!keepTranscripts,
      historicalSpans,
    };
    const tracePath = traceFile ? path.resolve(traceFile) : undefined;
    const bind = native.makeStore(handle, JSON.stringify(nativeOptions), tracePath);
    const { fns, measureCalls } = measuredFunctions(bind);

    const powers = ownPowers(fns, handle);
    const isWrapped = wrapKvStore !== undefined;
    const cache = makeKVCache(fns, handle);
    const base = baseKVStore(fns, cache);
    const kvStore = isWrapped ? wrapKvStore(base) : base;
    const { dumpTranscripts, ...transcriptStore } = wrapTranscriptStore(
      transcriptStoreOver(powers, { archiveTranscript }),
    );
    const { dumpSnapshots, ...snapStore } = wrapSnapStore(
      snapStoreOver(powers, makeSnapStoreIO(), { archiveSnapshot, storePath }),
    );
    const { dumpBundles, ...bundleStore } = wrapBundleStore(bundleStoreOver(powers, makeScriptCache(fns, handle)));

    /** The addon writes the activityhash without the kvStore. */
    const emitCrankHashes = () => {
      const hashes = fns.emitCrankHashes();
      cache.note('activityhash', hashes.activityhash);
      return hashes;
    };

    /** The activityhash is a key of the kvStore, so that a wrapped kvStore sees it, too. */
    const emitCrankHashesWrapped = () => {
      const crankhash = fns.takeCrankhash();
      try {
        const old = kvStore.get('activityhash');
        const activityhash = fns.nextActivityhash(old === undefined ? '' : old, crankhash);
        kvStore.set('activityhash', activityhash);
        fns.noteActivityhash(activityhash);
        return harden({ crankhash, activityhash });
      } catch (error) {
        fns.restoreCrankhash();
        throw error;
      }
    };

    const close = async () => {
      fns.close();
      clearCachesOf(handle);
      isOpen = false;
      if (staging) await staging.discard();
      events.close(() => ({ path: storePath }));
    };

    /** The present path of the database file; `undefined` for a store in memory. */
    const currentFile = () => {
      if (filePath === MEMORY) return undefined;
      return staging ? staging.currentFile() : filePath;
    };

    // What a caller's functions have made may contain anything.
    const isOwn = !isWrapped && [wrapTranscriptStore, wrapSnapStore, wrapBundleStore].every(wrap => wrap === unwrapped);
    const hardenAll = isOwn ? hardenOwn : harden;

    const internal = hardenAll({
      dirPath: asFile ? null : storePath,
      asFile,
      db: harden(db),
      kvStore,
      snapStore,
      transcriptStore,
      bundleStore,
    });

    /** Passes changes of the export data to the callback. If it throws, the next call passes them again. */
    const deliver = exports => {
      try {
        exportCallback(unpackPairs(exports));
      } catch (error) {
        fns.exportsFailed(0);
        throw error;
      }
    };

    const kernelStorage = {
      kvStore: kernelKVStore(fns, cache, kvStore, isWrapped),
      transcriptStore: pick(transcriptStore, KERNEL_FACING.transcriptStore),
      snapStore: pick(snapStore, KERNEL_FACING.snapStore),
      bundleStore: pick(bundleStore, KERNEL_FACING.bundleStore),
      startCrank: fns.startCrank,
      establishCrankSavepoint: fns.establishCrankSavepoint,
      rollbackCrank: savepoint => cache.forget(fns.rollbackCrank(savepoint)),
      emitCrankHashes: isWrapped ? emitCrankHashesWrapped : emitCrankHashes,
      endCrank() {
        // The callback may use the store, and may throw: the crank ends after it.
        const exports = fns.endCrank();
        if (!exports) return;
        deliver(exports);
        fns.finishCrank();
      },
      getActivityhash: () => kvStore.get('activityhash') || '',
    };

    const hostStorage = {
      kvStore: hostKVStore(fns, cache, kvStore, isWrapped),
      async commit() {
        const begin = performance.now();
        const exports = fns.prepareCommit();
        if (exports) {
          deliver(exports);
          fns.exportsArrived();
        }
        const delivered = performance.now();
        fns.commit();
        if (staging) await staging.publish(!!unsafeFastMode);
        events.commit(() => ({
          path: storePath,
          exportSeconds: (delivered - begin) / 1000,
          seconds: (performance.now() - delivered) / 1000,
        }));
      },
      close,
      compactHistory: makeCompactHistory(fns),
      metrics: makeMetrics({ fns, measureCalls, reads: cache.reads, currentFile }),
      diskUsage() {
        const file = currentFile();
        return file === undefined ? 0 : fs.statSync(file).size;
      },
      repairMetadata: async exporter => repairMetadata(internal, exporter, assertComplete),
    };

    const debug = {
      serialize() {
        if (filePath !== MEMORY) {
          throw Error('on-disk DBs with WAL mode enabled do not serialize well');
        }
        return db.serialize();
      },
      dump: (includeHistorical = true) =>
        harden({
          kvEntries: Object.fromEntries(fns.kvDump()),
          transcripts: dumpTranscripts(includeHistorical),
          snapshots: dumpSnapshots(includeHistorical),
          bundles: dumpBundles(),
        }),
      getDatabase: () => (isOpen ? db : null),
    };

    const store = hardenAll({ kernelStorage, hostStorage, debug, internal });
    // A wrapped kvStore must see what is set.
    const setMany = isWrapped ? undefined : fns.kernelSetMany;
    events.open(() => ({ path: storePath, readonly: !!readonly }));
    return { store, begin: fns.ensureTxn, setMany };
  };
  try {
    return open();
  } catch (error) {
    // A wrapper that throws, for example, must not leave the file open.
    db.close();
    throw error;
  }
};

/**
 * Creates a store, erasing what is at `storePath`.
 *
 * @param {string | null} [storePath] null for a store in memory
 * @param {Record<string, any>} [options]
 */
const initSwingStore = (storePath = null, options = {}) => {
  check(!storePath || typeof storePath === 'string', 'path must be a string');
  return makeSwingStore(storePath, true, options).store;
};

/**
 * Opens a store, creating it if it does not exist.
 *
 * @param {string} storePath
 * @param {Record<string, any>} [options]
 */
const openSwingStore = (storePath, options = {}) => {
  check(typeof storePath === 'string', 'path must be a string');
  return makeSwingStore(storePath, false, options).store;
};

module.exports = { STORE_OPTIONS, assertComplete, checkOptions, initSwingStore, makeSwingStore, openSwingStore };
