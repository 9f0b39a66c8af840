'use strict';

const native = require('../addon/native.js');
const { storeFunctions } = require('../addon/store-functions.js');
const { followTaming } = require('../common/errors.js');
const { unpackPairs } = require('../common/packed.js');
const { handleOf } = require('./database.js');
const { databaseOf } = require('./foreign-handle.js');

/**
 * What the JavaScript part of a sub-store uses.
 *
 * @typedef {object} Powers
 * @property {any} fns the addon's functions for one store
 * @property {<F extends (...args: any[]) => any>(fn: F) => F} writes wraps a function of the addon: the result begins a
 *   transaction first, and reports changes of the export data afterwards
 * @property {() => void} ensureTxn begins a transaction unless there is one
 * @property {Int32Array} cacheSignal see `addon/cache-signal.js`
 */

/**
 * Makes powers for the sub-stores of a whole store, where the addon itself begins transactions and reports changes.
 *
 * @param {any} fns the addon's functions for the store
 * @param {any} handle the addon's object for the database
 * @returns {Powers}
 */
const ownPowers = (fns, handle) => ({
  fns,
  writes: fn => fn,
  ensureTxn: fns.ensureTxn,
  cacheSignal: handle.cacheSignal,
});

/** Reports changes of the export data, one by one. If `noteExport` throws, the next call reports the remaining ones. */
const reportNotes = (fns, noteExport) => {
  const notes = fns.takeNotes();
  if (!notes) return;
  let reported = 0;
  let isDone = false;
  try {
    for (const [key, value] of unpackPairs(notes)) {
      noteExport(key, value === null ? undefined : value);
      reported += 1;
    }
    isDone = true;
  } finally {
    if (isDone) fns.exportsArrived();
    else fns.exportsFailed(reported);
  }
};

/**
 * Makes powers for one sub-store over a caller's database: the caller manages transactions and export data.
 *
 * @param {unknown} db a Database, or an in-memory handle of better-sqlite3
 * @param {'kv' | 'transcripts' | 'snapshots' | 'bundles'} part
 * @param {() => void} ensureTxn
 * @param {(key: string, value: string | undefined) => void} noteExport
 * @param {{ keepSnapshots?: boolean, keepTranscripts?: boolean }} [options]
 * @returns {Powers}
 */
const borrowedPowers = (db, part, ensureTxn, noteExport, options = {}) => {
  followTaming();
  const { keepSnapshots = false, keepTranscripts = true } = options;
  const { database, checkTransaction } = databaseOf(db);
  const handle = handleOf(database);
  native.createTables(handle, part);
  const nativeOptions = {
    transactions: 'callers',
    changeTarget: 'list',
    keepSnapshots: !!keepSnapshots,
    keepTranscripts: !!keepTranscripts,
  };
  const fns = storeFunctions(native.makeStore(handle, JSON.stringify(nativeOptions)));
  const begin = () => {
    ensureTxn();
    checkTransaction();
  };
  const writes =
    fn =>
    (...args) => {
      begin();
      try {
        return fn(...args);
      } finally {
        // Changes before a failure are reported, too, as if each had been reported at once.
        reportNotes(fns, noteExport);
      }
    };
  return { fns, writes, ensureTxn: begin, cacheSignal: handle.cacheSignal };
};

module.exports = { borrowedPowers, ownPowers };
