'use strict';

const { check } = require('./errors.js');
const native = require('./native.js');
const { borrowedPowers } = require('./substore.js');

/**
 * Whom a key belongs to.
 *
 * @param {string} key
 * @returns {'local' | 'host' | 'consensus'}
 */
const getKeyType = key => native.keyType(key);

/** A kvStore of a whole store, without the hashing and exporting that the kernel's adds. */
const baseKVStore = fns => ({
  has: fns.kvHas,
  get: fns.kvGet,
  getNextKey: fns.kvGetNextKey,
  set: fns.kvSet,
  delete: fns.kvDelete,
});

/**
 * A kvStore over a database.
 *
 * @param {unknown} db
 * @param {() => void} ensureTxn
 * @param {(...args: string[]) => void} trace
 */
const makeKVStore = (db, ensureTxn, trace) => {
  const { fns } = borrowedPowers(db, 'kv', ensureTxn, () => {});
  const base = baseKVStore(fns);
  return {
    ...base,
    set(key, value) {
      // A wrong type is the addon's to complain of, before anything else happens.
      if (typeof key !== 'string' || typeof value !== 'string') return base.set(key, value);
      ensureTxn();
      base.set(key, value);
      trace('set', key, value);
    },
    delete(key) {
      if (typeof key !== 'string') return base.delete(key);
      ensureTxn();
      base.delete(key);
      trace('del', key);
    },
  };
};

/** The kernel's view: host keys are refused, consensus keys hashed and exported. */
const kernelKVStore = (fns, kvStore, isWrapped) => {
  if (!isWrapped) return { ...kvStore, set: fns.kernelSet, delete: fns.kernelDelete };
  const checkKey = key => check(getKeyType(key) !== 'host', 'kernelKVStore refuses host keys');
  return {
    ...kvStore,
    set(key, value) {
      checkKey(key);
      kvStore.set(key, value);
      fns.noteKernelSet(key, value);
    },
    delete(key) {
      checkKey(key);
      kvStore.delete(key);
      fns.noteKernelDelete(key);
    },
  };
};

/** The host's view: only host keys. */
const hostKVStore = (fns, kvStore, isWrapped) => {
  if (!isWrapped) return { ...kvStore, set: fns.hostSet, delete: fns.hostDelete };
  const checkKey = key => check(getKeyType(key) === 'host', 'hostKVStore requires host keys');
  return {
    ...kvStore,
    set(key, value) {
      checkKey(key);
      kvStore.set(key, value);
    },
    delete(key) {
      checkKey(key);
      kvStore.delete(key);
    },
  };
};

module.exports = { baseKVStore, getKeyType, hostKVStore, kernelKVStore, makeKVStore };
