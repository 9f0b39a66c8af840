'use strict';

const native = require('../addon/native.js');
const { borrowedPowers } = require('./substore-powers.js');

/**
 * The type of a key, by its prefix: who owns it and whether it is part of consensus.
 *
 * @param {string} key
 * @returns {'local' | 'host' | 'consensus'}
 */
const getKeyType = key => native.keyType(key);

/** Makes the kvStore of a whole store, without the hashing and exporting that `kernelKVStore` adds. */
const baseKVStore = (fns, cache) => ({
  has: cache.has,
  get: cache.get,
  getNextKey: fns.kvGetNextKey,
  set: cache.setter(fns.kvSet),
  delete: cache.deleter(fns.kvDelete),
});

/**
 * Makes a kvStore over a database.
 *
 * @param {unknown} db a Database, or an in-memory handle of better-sqlite3
 * @param {() => void} ensureTxn begins a transaction unless there is one
 * @param {(...args: string[]) => void} trace receives each write
 */
const makeKVStore = (db, ensureTxn, trace) => {
  const { fns, ensureTxn: begin } = borrowedPowers(db, 'kv', ensureTxn, () => {});
  return {
    has: fns.kvHas,
    get: fns.kvGet,
    getNextKey: fns.kvGetNextKey,
    set(key, value) {
      // The addon throws for a wrong type, before a transaction begins.
      if (typeof key !== 'string' || typeof value !== 'string') return fns.kvSet(key, value);
      begin();
      fns.kvSet(key, value);
      trace('set', key, value);
    },
    delete(key) {
      if (typeof key !== 'string') return fns.kvDelete(key);
      begin();
      fns.kvDelete(key);
      trace('del', key);
    },
  };
};

/** Makes the kernel's kvStore: it refuses host keys, and hashes and exports consensus keys. */
const kernelKVStore = (fns, cache, kvStore, isWrapped) => {
  if (!isWrapped) {
    return {
      ...kvStore,
      set: cache.setter(fns.kernelSet),
      delete: cache.deleter(fns.kernelDelete),
    };
  }
  return {
    ...kvStore,
    set(key, value) {
      native.checkKernelKey(key);
      kvStore.set(key, value);
      fns.noteKernelSet(key, value);
    },
    delete(key) {
      native.checkKernelKey(key);
      kvStore.delete(key);
      fns.noteKernelDelete(key);
    },
  };
};

/** Makes the host's kvStore: it writes only host keys. */
const hostKVStore = (fns, cache, kvStore, isWrapped) => {
  if (!isWrapped) {
    return { ...kvStore, set: cache.setter(fns.hostSet), delete: cache.deleter(fns.hostDelete) };
  }
  return {
    ...kvStore,
    set(key, value) {
      native.checkHostKey(key);
      kvStore.set(key, value);
    },
    delete(key) {
      native.checkHostKey(key);
      kvStore.delete(key);
    },
  };
};

module.exports = { baseKVStore, getKeyType, hostKVStore, kernelKVStore, makeKVStore };
