'use strict';

const { GENERATION, HELD } = require('../addon/cache-signal.js');
const native = require('../addon/native.js');
const { ownCopy } = require('../common/own-copy.js');
const { clearWhenClosed } = require('./caches.js');

/** The approximate overhead of an entry, in bytes: two string headers and a map's slot. */
const ENTRY_BYTES = 96;

/** The largest size of a UTF-16 unit, in bytes. */
const CHARACTER_BYTES = 2;

/** Stands for the value of a key that has none. */
const ABSENT = Symbol('absent');

// Saved before other code can replace it. An old lockdown may have removed it.
const { isWellFormed } = String.prototype;
const hasLoneSurrogate = isWellFormed
  ? text => !Reflect.apply(isWellFormed, text, [])
  : text => /\p{Surrogate}/u.test(text);

/**
 * Makes a kvStore that caches what was read: a call of the addon costs several times as much as a lookup.
 *
 * The addon says through `cacheSignal` whether the copies are valid (see `addon/cache-signal.js`). Outside this store's
 * own transaction, `handle.refresh` first looks for commits of other connections.
 *
 * The cache holds copies of its own: a caller's string may be a slice, which keeps the whole original string in memory.
 *
 * For the calls of a real kernel (docs/project/performance.md), the cache makes a block 1.3 times as fast.
 *
 * @param {any} fns the addon's functions for one store
 * @param {any} handle the addon's object for the database
 */
const makeKVCache = (fns, handle) => {
  const { cacheSignal } = handle;
  const half = native.kvCacheBytes() / 2;
  let generation = cacheSignal[GENERATION];
  // `recent` has the entries used last. When it is full, it replaces `older`, whose unused entries are dropped.
  let recent = new Map();
  let older = new Map();
  let size = 0;
  /** How many reads were answered from the cache, and how many were not. */
  const reads = { hits: 0, misses: 0 };

  const clear = () => {
    recent = new Map();
    older = new Map();
    size = 0;
    generation = cacheSignal[GENERATION];
  };

  /** Caches a value. Copies a caller's string; the addon's own strings are not shared. */
  const keep = (key, value, isCallers = false) => {
    const characters = key.length + (value === ABSENT ? 0 : value.length);
    const bytes = characters * CHARACTER_BYTES + ENTRY_BYTES;
    if (bytes > half) {
      recent.delete(key);
      older.delete(key);
      return;
    }
    size += bytes;
    if (size > half) {
      older = recent;
      recent = new Map();
      size = bytes;
    }
    // An existing entry keeps its own copy of the key.
    recent.set(recent.has(key) ? key : ownCopy(key), isCallers && value !== ABSENT ? ownCopy(value) : value);
  };

  /** Looks a key up: returns its value, `ABSENT`, or `undefined` if the key is not cached. */
  const find = key => {
    if (cacheSignal[HELD] === 0) handle.refresh();
    if (cacheSignal[GENERATION] !== generation) clear();
    const value = recent.get(key);
    if (value !== undefined) return value;
    const old = older.get(key);
    if (old !== undefined) keep(key, old);
    return old;
  };

  const get = key => {
    const known = find(key);
    if (known !== undefined) {
      reads.hits += 1;
      return known === ABSENT ? undefined : known;
    }
    reads.misses += 1;
    const value = fns.kvGet(key);
    keep(key, value === undefined ? ABSENT : value);
    return value;
  };

  // A caller that asks for a key often reads its value next.
  const has = key => get(key) !== undefined;

  /**
   * Replaces a cached value by the written one. The transaction has begun, so no other connection can write. A key that
   * was not read is not cached: most new keys are not read soon. That takes a quarter of the time of `kv-set` away, and
   * none of `kernel-trace`.
   */
  const note = (key, value) => {
    // An entry of an earlier generation is replaced, too: find drops it before it is read.
    if (!recent.has(key) && !older.has(key)) return;
    // The file does not store a lone surrogate as it was given.
    if (value !== ABSENT && hasLoneSurrogate(value)) keep(key, fns.kvGet(key));
    else keep(key, value, true);
  };

  /** Drops keys whose values may have changed. */
  const forget = keys => {
    for (let i = 0; i < keys.length; i += 1) {
      recent.delete(keys[i]);
      older.delete(keys[i]);
    }
  };

  /** Makes a function that sets a key through the addon, and its value in the cache. */
  const setter = set => (key, value) => {
    set(key, value);
    note(key, value);
  };

  /** Makes a function that deletes a key through the addon, and its value in the cache. */
  const deleter = remove => key => {
    remove(key);
    note(key, ABSENT);
  };

  clearWhenClosed(handle, clear);
  return { get, has, note, forget, setter, deleter, reads };
};

module.exports = { makeKVCache };
