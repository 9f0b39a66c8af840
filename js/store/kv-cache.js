'use strict';

const { GENERATION, HELD } = require('../addon/cache-signal.js');
const native = require('../addon/native.js');
const { ownCopy } = require('../common/own-copy.js');

/** About how many bytes an entry takes besides the characters of its key and its value: two strings' and a map's part. */
const ENTRY_BYTES = 96;

/** How many bytes a character takes at the most. */
const CHARACTER_BYTES = 2;

/** What there is to say of a key that has no value. */
const ABSENT = Symbol('absent');

// Taken before anyone can change it. An old lockdown may have removed it.
const { isWellFormed } = String.prototype;
const hasLoneSurrogate = isWellFormed
  ? text => !Reflect.apply(isWellFormed, text, [])
  : text => /\p{Surrogate}/u.test(text);

/** What to call when a database is closed, by the addon's handle of it. */
const closers = new WeakMap();

/**
 * Frees what is remembered of a database, which is closed.
 *
 * @param {any} handle the addon's handle of the database
 */
const clearCachesOf = handle => {
  for (const clear of closers.get(handle) ?? []) clear();
};

/**
 * A kvStore that remembers what was read and written, since a call of the addon costs several times
 * what a lookup here does.
 *
 * The addon says through `cacheSignal` whether the copies are valid (see `addon/cache-signal.js`). Outside this store's
 * own transaction, `handle.refresh` first looks for commits of other connections.
 *
 * It keeps copies of its own: a caller's string may be a slice, which keeps all of the string that it was cut from.
 *
 * In the calls of a real kernel (docs/project/performance.md), the remembering makes a block's calls 1.3 times as fast.
 *
 * @param {any} fns the addon's functions for one store
 * @param {any} handle the addon's handle of the database
 */
const makeKVCache = (fns, handle) => {
  const { cacheSignal } = handle;
  const half = native.kvCacheBytes() / 2;
  let generation = cacheSignal[GENERATION];
  // What was used lately is in `recent`. When that is full, it becomes `older`, and what was in
  // there and has not been used since is forgotten.
  let recent = new Map();
  let older = new Map();
  let size = 0;

  const clear = () => {
    recent = new Map();
    older = new Map();
    size = 0;
    generation = cacheSignal[GENERATION];
  };

  /** Keeps a value: as it is if it is the addon's, which made a string for us, or else a copy. */
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
    // An entry that is there keeps the key that it has.
    recent.set(recent.has(key) ? key : ownCopy(key), isCallers && value !== ABSENT ? ownCopy(value) : value);
  };

  /** What is known of a key: its value, `ABSENT`, or nothing. */
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
    if (known !== undefined) return known === ABSENT ? undefined : known;
    const value = fns.kvGet(key);
    keep(key, value === undefined ? ABSENT : value);
    return value;
  };

  // Who asks for a key often wants its value next.
  const has = key => get(key) !== undefined;

  /** Takes note of what was written. The transaction has begun, so nobody else can any more. */
  const note = (key, value) => {
    if (cacheSignal[GENERATION] !== generation) clear();
    keep(key, value, true);
  };

  /** Forgets keys whose values may be others now. */
  const forget = keys => {
    for (let i = 0; i < keys.length; i += 1) {
      recent.delete(keys[i]);
      older.delete(keys[i]);
    }
  };

  /** A function of the addon that sets a key, followed by a note of it. */
  const setter = set => (key, value) => {
    set(key, value);
    // A lone surrogate comes back from the file as something else.
    if (hasLoneSurrogate(value)) note(key, fns.kvGet(key));
    else note(key, value);
  };

  /** A function of the addon that deletes a key, followed by a note of it. */
  const deleter = remove => key => {
    remove(key);
    note(key, ABSENT);
  };

  closers.set(handle, [...(closers.get(handle) ?? []), clear]);
  return { get, has, note, forget, setter, deleter };
};

module.exports = { clearCachesOf, makeKVCache };
