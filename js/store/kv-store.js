'use strict';

const native = require('../addon/native.js');
const { borrowedPowers } = require('./substore-powers.js');

/**
 * Whom a key belongs to.
 *
 * @param {string} key
 * @returns {'local' | 'host' | 'consensus'}
 */
const getKeyType = key => native.keyType(key);

/** A kvStore of a whole store, without the hashing and exporting that the kernel's adds. */
const baseKVStore = (fns, cache) => ({
  has: cache.has,
  get: cache.get,
  getNextKey: fns.kvGetNextKey,
  set: cache.setter(fns.kvSet),
  delete: cache.deleter(fns.kvDelete),
});

/**
 * A kvStore over a database.
 *
 * @param {unknown} db
 * @param {() => void} ensureTxn
 * @param {(...args: string[]) => void} trace
 */
const makeKVStore = (db, ensureTxn, trace) => {
  const { fns, ensureTxn: begin } = borrowedPowers(db, 'kv', ensureTxn, () => {});
  return {
    has: fns.kvHas,
    get: fns.kvGet,
    getNextKey: fns.kvGetNextKey,
    set(key, value) {
      // A wrong type is the addon's to complain of, before anything else happens.
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

/** The kernel's view: host keys are refused, consensus keys hashed and exported. */
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

/** The host's view: only host keys. */
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
