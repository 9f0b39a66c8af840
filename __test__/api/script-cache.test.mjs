// The cache of scripts: what it answers without reading a bundle again, and when it must not.
import test from 'ava';

import * as api from '../../index.mjs';
import { makeB0 } from '../support/common/bundles.mjs';
import { internal } from '../support/common/internals.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { temporaryDirectory } from '../support/common/temporary-directory.mjs';

const check = subjectIsReference ? test.skip : test;

const first = makeB0('1 + 1', { sourceMap: '' });
const second = makeB0('2 + 2');

/** A cache over a store that has the bundles in `present`. */
const makeCache = (...present) => {
  const { GENERATION, HELD } = internal('cache-signal.js');
  const stored = new Set(present);
  const handle = { cacheSignal: new Int32Array(3), refreshed: 0, refresh: () => (handle.refreshed += 1) };
  handle.cacheSignal[HELD] = 1;
  const cache = internal('script-cache.js').makeScriptCache({ hasBundle: id => stored.has(id) }, handle);
  return {
    ...cache,
    stored,
    handle,
    setHeld: isHeld => (handle.cacheSignal[HELD] = isHeld ? 1 : 0),
    changeGeneration: () => (handle.cacheSignal[GENERATION] += 1),
  };
};

/** A script with this many characters. */
const script = length => ({ moduleFormat: '', source: 's'.repeat(length - 3), sourceMap: 'map' });

const MAX = 4 << 20;

check('a cached script is found while the store has it', t => {
  const { find, keep, stored } = makeCache('b0-a');
  t.is(find('b0-a'), undefined);
  const kept = script(10);
  keep('b0-a', kept);
  t.is(find('b0-a'), kept);
  t.is(find('b0-b'), undefined);
  stored.delete('b0-a');
  t.is(find('b0-a'), undefined);
  stored.add('b0-a');
  t.is(find('b0-a'), kept);
});

check('the scripts used last stay, up to a total length', t => {
  const ids = ['b0-a', 'b0-b', 'b0-c', 'b0-d'];
  const { find, keep } = makeCache(...ids);
  const found = () => ids.map(id => find(id) !== undefined);
  keep('b0-a', script(MAX / 2));
  keep('b0-b', script(MAX / 4));
  keep('b0-c', script(MAX / 4));
  t.true(find('b0-a') !== undefined);
  // Only the one that was used first makes room.
  keep('b0-d', script(MAX / 4));
  t.deepEqual(found(), [true, false, true, true]);
  keep('b0-b', script(MAX / 2 + 1));
  t.deepEqual(found(), [false, true, false, true]);
  // One that is too long for the cache leaves the others alone.
  keep('b0-a', script(MAX + 1));
  t.deepEqual(found(), [false, true, false, true]);
  keep('b0-a', script(MAX));
  t.deepEqual(found(), [true, false, false, false]);
  // One that is kept again counts once.
  keep('b0-a', script(MAX / 2));
  keep('b0-a', script(MAX / 2));
  keep('b0-b', script(MAX / 2));
  t.deepEqual(found(), [true, true, false, false]);
});

check('another writer makes the cache forget all scripts', t => {
  const { find, keep, changeGeneration } = makeCache('b0-a', 'b0-b');
  keep('b0-a', script(MAX));
  changeGeneration();
  t.is(find('b0-a'), undefined);
  keep('b0-a', script(MAX / 2));
  changeGeneration();
  keep('b0-b', script(MAX));
  t.is(find('b0-a'), undefined);
  t.true(find('b0-b') !== undefined);
});

check('the addon checks for other writers only outside a transaction, and only for a cached script', t => {
  const { find, keep, setHeld, handle, changeGeneration } = makeCache('b0-a');
  keep('b0-a', script(10));
  find('b0-a');
  t.is(handle.refreshed, 0);
  setHeld(false);
  find('b0-b');
  t.is(handle.refreshed, 0);
  find('b0-a');
  t.is(handle.refreshed, 1);
  handle.refresh = changeGeneration;
  t.is(find('b0-a'), undefined);
});

check('closing the database clears the cache', t => {
  const { find, keep, handle } = makeCache('b0-a');
  keep('b0-a', script(MAX));
  internal('caches.js').clearCachesOf(handle);
  t.is(find('b0-a'), undefined);
  keep('b0-a', script(MAX));
  t.true(find('b0-a') !== undefined);
});

check('a store reads a script once', async t => {
  const { kernelStorage, hostStorage } = api.initSwingStore(null);
  const { addBundle, getBundle } = kernelStorage.bundleStore;
  addBundle(first.id, first.bundle);
  addBundle(second.id, second.bundle);
  const found = getBundle(first.id);
  t.deepEqual(found, first.bundle);
  t.is(getBundle(first.id), found);
  t.deepEqual(getBundle(second.id), second.bundle);
  t.is(getBundle(first.id), found);
  await hostStorage.close();
  t.throws(() => getBundle(first.id), { code: 'ERR_SWING_STORE_CLOSED' });
});

test('a script that was read is not found after it was deleted, rolled back or not committed', async t => {
  const directory = temporaryDirectory(t, 'scripts');
  const { kernelStorage, hostStorage } = api.initSwingStore(directory);
  const { addBundle, getBundle, deleteBundle } = kernelStorage.bundleStore;
  const notFound = { message: /not found/ };
  addBundle(first.id, first.bundle);
  getBundle(first.id);
  deleteBundle(first.id);
  t.throws(() => getBundle(first.id), notFound);
  addBundle(first.id, first.bundle);
  t.deepEqual(getBundle(first.id), first.bundle);
  await hostStorage.commit();

  kernelStorage.startCrank();
  kernelStorage.establishCrankSavepoint('start');
  addBundle(second.id, second.bundle);
  getBundle(second.id);
  deleteBundle(first.id);
  t.throws(() => getBundle(first.id), notFound);
  kernelStorage.rollbackCrank('start');
  t.throws(() => getBundle(second.id), notFound);
  t.deepEqual(getBundle(first.id), first.bundle);
  kernelStorage.endCrank();
  await hostStorage.commit();

  // Another store deletes it.
  const other = api.openSwingStore(directory);
  other.kernelStorage.bundleStore.deleteBundle(first.id);
  await other.hostStorage.commit();
  await other.hostStorage.close();
  t.throws(() => getBundle(first.id), notFound);
  await hostStorage.close();
});

check('a script that a tool has changed is read again', async t => {
  const { kernelStorage, hostStorage, debug } = api.initSwingStore(null);
  const { addBundle, getBundle } = kernelStorage.bundleStore;
  addBundle(first.id, first.bundle);
  getBundle(first.id);
  const changed = JSON.stringify({ ...first.bundle, source: 'changed' });
  debug.getDatabase().prepare('UPDATE bundles SET bundle = ? WHERE bundleID = ?').run(changed, first.id);
  t.is(getBundle(first.id).source, 'changed');
  await hostStorage.close();
});
