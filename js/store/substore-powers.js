'use strict';

const native = require('../addon/native.js');
const { storeFunctions } = require('../addon/store-functions.js');
const { followTaming } = require('../common/errors.js');
const { unpackPairs } = require('../common/packed.js');
const { handleOf } = require('./database.js');
const { databaseOf } = require('./foreign-handle.js');

/**
 * What the JavaScript side of a sub-store works with.
 *
 * @typedef {object} Powers
 * @property {any} fns the addon's functions for one store
 * @property {<F extends (...args: any[]) => any>(fn: F) => F} writes makes a function of the
 *   addon into one that first begins a transaction and then reports changes of the export data
 * @property {() => void} ensureTxn
 * @property {Int32Array} cacheSignal see `addon/cache-signal.js`
 */

/**
 * Powers for the sub-stores of a whole store, where the addon does all of it by itself.
 *
 * @param {any} fns
 * @param {any} handle the addon's handle of the database
 * @returns {Powers}
 */
const ownPowers = (fns, handle) => ({
  fns,
  writes: fn => fn,
  ensureTxn: fns.ensureTxn,
  cacheSignal: handle.cacheSignal,
});

/** Reports changes of the export data, one by one. What was not taken is reported the next time. */
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
 * Powers for one sub-store over a database of the caller's, whose transactions and whose export
 * data are the caller's business.
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
  const fns = storeFunctions(native.makeStore(handle, false, 'list', !!keepSnapshots, !!keepTranscripts));
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
        // What was noted before something failed is reported, too, as it would have been if it
        // had been reported as it came.
        reportNotes(fns, noteExport);
      }
    };
  return { fns, writes, ensureTxn: begin, cacheSignal: handle.cacheSignal };
};

module.exports = { borrowedPowers, ownPowers };
