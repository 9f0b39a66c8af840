// A store with a cache of a few entries: eviction, values that are too large, and rollbacks.
import test from 'ava';

import * as api from '../../index.mjs';
import { useLimits } from '../support/common/small-limits.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';

const check = subjectIsReference ? test.skip : test;

/** A store whose cache has two halves of two or three entries each. */
const openStore = () => {
  useLimits('tiny');
  const store = api.initSwingStore(null);
  return { ...store.kernelStorage, ...store.kernelStorage.kvStore, hostStorage: store.hostStorage };
};

/** Reads other keys, until all earlier entries are in the older half of the cache. */
const pushOut = ({ get }, count) => {
  for (let i = 0; i < count; i += 1) get(`other.${i}`);
};

check('a rollback drops entries of both halves', async t => {
  for (const count of [0, 1, 2, 3, 4, 5, 6, 10]) {
    const store = openStore();
    const { startCrank, establishCrankSavepoint, rollbackCrank, set, get, has, delete: remove } = store;
    set('key', 'before');
    startCrank();
    establishCrankSavepoint('start');
    set('key', 'after');
    pushOut(store, count);
    rollbackCrank('start');
    t.is(get('key'), 'before', `${count}`);
    establishCrankSavepoint('again');
    remove('key');
    pushOut(store, count);
    rollbackCrank('again');
    t.true(has('key'), `${count}`);
    await store.hostStorage.close();
  }
});

check('a value that is too large removes the cached value of its key', async t => {
  const large = 'x'.repeat(10_000);
  for (const count of [0, 1, 2, 3, 4, 5, 6, 10]) {
    const store = openStore();
    const { set, get, delete: remove } = store;
    set('key', 'small');
    pushOut(store, count);
    set('key', large);
    t.is(get('key'), large, `${count}`);
    set('key', 'small again');
    t.is(get('key'), 'small again');
    pushOut(store, count);
    remove('key');
    t.is(get('key'), undefined);
    await store.hostStorage.close();
  }
});

check('entries that are read again stay, and the others are dropped', async t => {
  const store = openStore();
  const { set, get } = store;
  set('often', 'read');
  for (let i = 0; i < 50; i += 1) {
    set(`rarely.${i}`, `${i}`);
    t.is(get('often'), 'read');
  }
  for (let i = 0; i < 50; i += 1) t.is(get(`rarely.${i}`), `${i}`);
  await store.hostStorage.close();
});
