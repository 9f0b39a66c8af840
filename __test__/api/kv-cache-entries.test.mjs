// The entries of the key-value store's cache, and its calls of the addon. A wrong cache may only be slower or use more
// memory, so it is tested separately.
import { createRequire } from 'node:module';
import test from 'ava';

import { internal, internalFile } from '../support/common/internals.mjs';
import { useLimits } from '../support/common/small-limits.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';

const check = subjectIsReference ? test.skip : test;

/** The size of each half of the cache with the limits `tiny`, in bytes. */
const HALF = 300;

/** The size of an entry in bytes, without the two bytes for each character. */
const ENTRY = 96;

/** A value that makes the entry of a key of two characters this many bytes long. */
const valueOf = bytes => 'v'.repeat((bytes - ENTRY) / 2 - 2);

/** A cache that reads values from `contents`, with a list of the keys that it read. */
const makeCache = (contents = {}, { makeKVCache } = internal('kv-cache.js')) => {
  useLimits('tiny');
  const { GENERATION, HELD } = internal('cache-signal.js');
  const read = [];
  const kvGet = key => {
    read.push(key);
    return contents[key];
  };
  const handle = {
    cacheSignal: new Int32Array(3),
    /** Signals that another writer has changed the database. */
    changeGeneration: () => (handle.cacheSignal[GENERATION] += 1),
    /** Signals that the store's own transaction has begun or ended. */
    setHeld: isHeld => (handle.cacheSignal[HELD] = isHeld ? 1 : 0),
    refreshed: 0,
    refresh() {
      handle.refreshed += 1;
    },
  };
  handle.setHeld(true);
  const cache = makeKVCache({ kvGet }, handle);
  /** Whether the cache answers for a key without the addon. */
  const knows = key => {
    const before = read.length;
    cache.get(key);
    return read.length === before;
  };
  return { ...cache, handle, read, contents, knows, makeAnother: () => makeKVCache({ kvGet }, handle) };
};

/** Ten entries; two of them fill a half of the cache. */
const PAIR = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, valueOf(HALF / 2)]));

/** Whether a key is still cached after the keys were read in order. */
const knowsAfter = (contents, keys, key) => {
  const { get, knows } = makeCache(contents);
  for (const each of keys) get(each);
  return knows(key);
};

check('the cache has two halves, and drops the older one as a whole', t => {
  for (const key of ['k0', 'k1', 'k2', 'k3']) t.true(knowsAfter(PAIR, ['k0', 'k1', 'k2', 'k3'], key), key);
  const five = ['k0', 'k1', 'k2', 'k3', 'k4'];
  t.deepEqual(
    five.filter(key => knowsAfter(PAIR, five, key)),
    ['k2', 'k3', 'k4'],
  );
});

check('keys without a value take space, too', t => {
  const seven = Array.from({ length: 7 }, (_, i) => `a${i}`);
  t.deepEqual(
    seven.filter(key => knowsAfter({}, seven, key)),
    ['a3', 'a4', 'a5', 'a6'],
  );
});

check('reading an entry again makes it recent', t => {
  const keys = ['k0', 'k1', 'k2', 'k0', 'k3', 'k4'];
  t.true(knowsAfter(PAIR, keys, 'k0'));
  t.false(knowsAfter(PAIR, keys, 'k1'));
});

check('an entry may fill a half, and a larger one is not cached', t => {
  const contents = { k0: valueOf(HALF), k1: valueOf(HALF + 2), k2: valueOf(HALF / 2) };
  t.true(knowsAfter(contents, ['k0'], 'k0'));
  t.false(knowsAfter(contents, ['k1'], 'k1'));
  // It evicts nothing.
  t.true(knowsAfter(contents, ['k2', 'k1', 'k1', 'k1'], 'k2'));
});

check('a written value replaces a cached one, and is not read from the addon', t => {
  const { get, has, setter, deleter, read } = makeCache({ k0: 'zero' });
  const set = setter(() => {});
  const remove = deleter(() => {});
  get('k0');
  get('k1');
  set('k0', 'value');
  set('k1', 'other');
  t.is(get('k0'), 'value');
  t.is(get('k1'), 'other');
  remove('k0');
  t.is(get('k0'), undefined);
  t.false(has('k0'));
  t.true(has('k1'));
  t.deepEqual(read, ['k0', 'k1']);
});

check('a key that is written without being cached takes no space', t => {
  const { knows, setter, deleter } = makeCache({ k0: 'zero', k1: 'one' });
  setter(() => {})('k0', 'value');
  deleter(() => {})('k1');
  t.false(knows('k0'));
  t.false(knows('k1'));
});

check('a written value replaces one in the older half', t => {
  const { get, setter } = makeCache(PAIR);
  for (const key of ['k0', 'k1', 'k2']) get(key);
  setter(() => {})('k0', 'value');
  t.is(get('k0'), 'value');
});

/** Loads the cache after an old lockdown, which has removed `isWellFormed`. */
const withoutIsWellFormed = () => {
  const { isWellFormed } = String.prototype;
  const file = internalFile('kv-cache.js');
  const { cache } = createRequire(import.meta.url);
  const kept = cache[file];
  delete cache[file];
  delete String.prototype.isWellFormed;
  try {
    return internal('kv-cache.js');
  } finally {
    Object.defineProperty(String.prototype, 'isWellFormed', {
      value: isWellFormed,
      writable: true,
      configurable: true,
    });
    cache[file] = kept;
  }
};

check('only a value with a lone surrogate is read back', t => {
  for (const loaded of [internal('kv-cache.js'), withoutIsWellFormed()]) {
    const { get, setter, read, contents } = makeCache({}, loaded);
    const set = setter((key, value) => (contents[key] = value.toWellFormed()));
    get('k0');
    get('k1');
    read.length = 0;
    set('k0', 'half \ud800');
    t.deepEqual(read, ['k0']);
    t.is(get('k0'), 'half \ufffd');
    set('k1', 'whole \ud83d\ude00');
    t.is(get('k1'), 'whole \ud83d\ude00');
    t.deepEqual(read, ['k0']);
  }
});

check('the cache is cleared when the addon reports another writer', t => {
  const { get, setter, read, handle, contents } = makeCache({ k0: 'zero', k1: 'one' });
  const set = setter((key, value) => (contents[key] = value));
  get('k0');
  get('k1');
  handle.changeGeneration();
  contents.k0 = 'changed';
  t.is(get('k0'), 'changed');
  t.is(get('k1'), 'one');
  t.deepEqual(read, ['k0', 'k1', 'k0', 'k1']);

  // A write may notice the change first.
  handle.changeGeneration();
  contents.k1 = 'changed';
  set('k0', 'written');
  t.is(get('k0'), 'written');
  t.is(get('k1'), 'changed');
  t.deepEqual(read, ['k0', 'k1', 'k0', 'k1', 'k0', 'k1']);
  set('k2', 'two');
  t.is(get('k0'), 'written');
  t.is(read.length, 6);
});

check('the addon checks for other writers only outside a transaction', t => {
  const { get, handle } = makeCache({ k0: 'zero' });
  get('k0');
  get('k0');
  t.is(handle.refreshed, 0);
  handle.setHeld(false);
  get('k0');
  get('k0');
  t.is(handle.refreshed, 2);
  // A change that `refresh` finds takes effect in the same call.
  const found = makeCache({ k0: 'zero' });
  found.get('k0');
  found.handle.setHeld(false);
  found.handle.refresh = () => {
    found.handle.changeGeneration();
    found.contents.k0 = 'changed';
  };
  t.is(found.get('k0'), 'changed');
});

check('single keys can be dropped, and closing the database clears the cache', t => {
  const { clearCachesOf } = internal('caches.js');
  const { get, knows, forget, handle, read, makeAnother } = makeCache(PAIR);
  for (const key of ['k0', 'k1', 'k2']) get(key);
  forget(['k0', 'k2']);
  t.true(knows('k1'));
  t.false(knows('k0'));
  t.false(knows('k2'));

  const another = makeAnother();
  another.get('k1');
  clearCachesOf(handle);
  t.false(knows('k1'));
  read.length = 0;
  another.get('k1');
  t.deepEqual(read, ['k1']);
  // A handle without a cache is accepted.
  t.notThrows(() => clearCachesOf({}));
});
