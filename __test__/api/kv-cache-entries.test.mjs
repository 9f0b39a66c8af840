// Which entries the cache of the key-value store keeps, and when it asks the addon. Stores behave the same without it, only
// slower or with more memory, so it is tested by itself.
import { createRequire } from 'node:module';
import test from 'ava';

import { internal, internalFile } from '../support/common/internals.mjs';
import { useLimits } from '../support/common/small-limits.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';

const check = subjectIsReference ? test.skip : test;

/** Half of what `tiny` gives the cache: what either half of it may take. */
const HALF = 300;

/** What an entry takes beside two bytes for each character. */
const ENTRY = 96;

/** A value with which a key of two characters takes this much. */
const valueOf = bytes => 'v'.repeat((bytes - ENTRY) / 2 - 2);

/** A cache over values that it reads from `contents`, with lists of what it asked for. */
const makeCache = (contents = {}, { makeKVCache, clearCachesOf } = internal('kv-cache.js')) => {
  useLimits('tiny');
  const { GENERATION, HELD } = internal('cache-signal.js');
  const read = [];
  const kvGet = key => {
    read.push(key);
    return contents[key];
  };
  const handle = {
    cacheSignal: new Int32Array(3),
    /** As the addon says it when something else has been written. */
    changeGeneration: () => (handle.cacheSignal[GENERATION] += 1),
    /** As the addon says it when the store's own transaction begins or ends. */
    setHeld: isHeld => (handle.cacheSignal[HELD] = isHeld ? 1 : 0),
    refreshed: 0,
    refresh() {
      handle.refreshed += 1;
    },
  };
  handle.setHeld(true);
  const cache = makeKVCache({ kvGet }, handle);
  /** Whether a key is answered without the addon. */
  const knows = key => {
    const before = read.length;
    cache.get(key);
    return read.length === before;
  };
  return { ...cache, handle, read, contents, knows, makeAnother: () => makeKVCache({ kvGet }, handle), clearCachesOf };
};

/** Two such entries fill a half. */
const PAIR = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, valueOf(HALF / 2)]));

/** Whether a key is still known after these were read. */
const knowsAfter = (contents, keys, key) => {
  const { get, knows } = makeCache(contents);
  for (const each of keys) get(each);
  return knows(key);
};

check('two halves of entries are kept, and the older half is forgotten as a whole', t => {
  for (const key of ['k0', 'k1', 'k2', 'k3']) t.true(knowsAfter(PAIR, ['k0', 'k1', 'k2', 'k3'], key), key);
  const five = ['k0', 'k1', 'k2', 'k3', 'k4'];
  t.deepEqual(
    five.filter(key => knowsAfter(PAIR, five, key)),
    ['k2', 'k3', 'k4'],
  );
});

check('keys without a value take room, too', t => {
  const seven = Array.from({ length: 7 }, (_, i) => `a${i}`);
  t.deepEqual(
    seven.filter(key => knowsAfter({}, seven, key)),
    ['a3', 'a4', 'a5', 'a6'],
  );
});

check('what is read again is as good as new', t => {
  const keys = ['k0', 'k1', 'k2', 'k0', 'k3', 'k4'];
  t.true(knowsAfter(PAIR, keys, 'k0'));
  t.false(knowsAfter(PAIR, keys, 'k1'));
});

check('an entry may fill a half, and a larger one is not kept', t => {
  const contents = { k0: valueOf(HALF), k1: valueOf(HALF + 2), k2: valueOf(HALF / 2) };
  t.true(knowsAfter(contents, ['k0'], 'k0'));
  t.false(knowsAfter(contents, ['k1'], 'k1'));
  // Nor does it push anything out.
  t.true(knowsAfter(contents, ['k2', 'k1', 'k1', 'k1'], 'k2'));
});

check('what is written is known, and need not be read', t => {
  const { get, has, setter, deleter, read } = makeCache();
  const set = setter(() => {});
  const remove = deleter(() => {});
  set('k0', 'value');
  set('k1', 'other');
  t.is(get('k0'), 'value');
  t.is(get('k1'), 'other');
  remove('k0');
  t.is(get('k0'), undefined);
  t.false(has('k0'));
  t.true(has('k1'));
  t.deepEqual(read, []);
});

/** The cache as it is where an old lockdown came first, which knows nothing of `isWellFormed`. */
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

check('a lone surrogate is read back, and nothing else is', t => {
  for (const loaded of [internal('kv-cache.js'), withoutIsWellFormed()]) {
    const { get, setter, read, contents } = makeCache({}, loaded);
    const set = setter((key, value) => (contents[key] = value.toWellFormed()));
    set('k0', 'half \ud800');
    t.deepEqual(read, ['k0']);
    t.is(get('k0'), 'half \ufffd');
    set('k1', 'whole \ud83d\ude00');
    t.is(get('k1'), 'whole \ud83d\ude00');
    t.deepEqual(read, ['k0']);
  }
});

check('all is forgotten when the addon says that something else was written', t => {
  const { get, setter, read, handle, contents } = makeCache({ k0: 'zero', k1: 'one' });
  const set = setter(() => {});
  get('k0');
  get('k1');
  handle.changeGeneration();
  contents.k0 = 'changed';
  t.is(get('k0'), 'changed');
  t.is(get('k1'), 'one');
  t.deepEqual(read, ['k0', 'k1', 'k0', 'k1']);

  // A write that comes first is not forgotten with the rest.
  handle.changeGeneration();
  contents.k1 = 'changed';
  set('k0', 'written');
  t.is(get('k0'), 'written');
  t.is(get('k1'), 'changed');
  t.deepEqual(read, ['k0', 'k1', 'k0', 'k1', 'k1']);
  set('k2', 'two');
  t.is(get('k0'), 'written');
  t.is(read.length, 5);
});

check('the addon looks for other writers only while there can be some', t => {
  const { get, handle } = makeCache({ k0: 'zero' });
  get('k0');
  get('k0');
  t.is(handle.refreshed, 0);
  handle.setHeld(false);
  get('k0');
  get('k0');
  t.is(handle.refreshed, 2);
  // What it finds counts at once.
  const found = makeCache({ k0: 'zero' });
  found.get('k0');
  found.handle.setHeld(false);
  found.handle.refresh = () => {
    found.handle.changeGeneration();
    found.contents.k0 = 'changed';
  };
  t.is(found.get('k0'), 'changed');
});

check('keys are forgotten one by one, and all when the database is closed', t => {
  const { get, knows, forget, handle, read, makeAnother, clearCachesOf } = makeCache(PAIR);
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
  // A handle that has no cache is closed like any other.
  t.notThrows(() => clearCachesOf({}));
});
