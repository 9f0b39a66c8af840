// Iteration over many keys, which a store reads ahead in growing batches. Each step returns the same key as the reference,
// even if this store or another process writes, rolls back or commits during the iteration.
import '@endo/init/debug.js';

import test from 'ava';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { reference, subject } from '../support/common/implementations.mjs';
import { testScenarios } from '../support/common/scenarios.mjs';

const script = fileURLToPath(new URL('../support/api/programs/run-sql.mjs', import.meta.url));

const inAnotherProcess = (dir, sql) =>
  execFileSync(process.execPath, [script, path.join(dir, 'swingstore.sqlite'), sql]);

const COUNT = 400;

/** Only even numbers have a key, so that new keys fit in between. */
const keyOf = n => `k${String(n).padStart(5, '0')}`;

const makeStore = async ({ api, dir }) => {
  const store = api.initSwingStore(dir);
  for (let n = 0; n < COUNT; n += 1) store.kernelStorage.kvStore.set(keyOf(2 * n), 'v');
  await store.hostStorage.commit();
  return store;
};

/** Returns all keys after `from`. Calls `act` after each, with the key's number and how many keys were found. */
const walk = async ({ getNextKey }, from = '', act = async () => {}) => {
  const keys = [];
  for (let key = from; (key = getNextKey(key)) !== undefined;) {
    keys.push(key);
    // A walk that goes round in circles.
    if (keys.length > 4 * COUNT) break;
    await act(Number(key.slice(1)), keys.length);
  }
  return keys;
};

/** Changes in the middle of a walk, where many keys have been read ahead. */
const changes = {
  'sets a key ahead': ({ kvStore }, n) => kvStore.set(keyOf(n + 7), 'new'),
  'deletes a key ahead': ({ kvStore }, n) => kvStore.delete(keyOf(n + 8)),
  'deletes the next keys': ({ kvStore }, n) => {
    for (let i = 1; i < 80; i += 1) kvStore.delete(keyOf(n + 2 * i));
  },
  'deletes a key and sets it again': ({ kvStore }, n) => {
    kvStore.delete(keyOf(n + 4));
    kvStore.getNextKey(keyOf(n + 2));
    kvStore.set(keyOf(n + 4), 'again');
  },
  'writes by SQL': ({ db }, n) =>
    db.exec(`DELETE FROM kvStore WHERE key = '${keyOf(n + 2)}'; INSERT INTO kvStore VALUES ('${keyOf(n + 3)}', 'new')`),
  'sets a key after the last': ({ kvStore }) => kvStore.set('z', 'new'),
  'sets a value that is written at once': ({ kvStore }, n) => kvStore.set(keyOf(n + 3), 'x'.repeat(3_000_000)),
};

/** How the change reaches the table, or does not. */
const endings = {
  'and goes on': () => {},
  async 'and commits'({ store }) {
    store.kernelStorage.endCrank();
    await store.hostStorage.commit();
    store.kernelStorage.startCrank();
  },
  'and looks by SQL': ({ store }) => store.debug.getDatabase().prepare('SELECT count(*) AS n FROM kvStore').get().n,
  'and rolls back': ({ store }) => store.kernelStorage.rollbackCrank('s'),
};

const scenarios = {
  async 'walks in which something is changed'(scene) {
    const store = await makeStore(scene);
    const { kvStore, startCrank, establishCrankSavepoint, endCrank } = store.kernelStorage;
    const seen = [];
    for (const [change, act] of Object.entries(changes)) {
      for (const [ending, end] of Object.entries(endings)) {
        startCrank();
        establishCrankSavepoint('s');
        const keys = await walk(kvStore, '', async (n, count) => {
          if (count % 200 !== 90) return;
          act({ kvStore, db: store.debug.getDatabase() }, n);
          await end({ store });
          // The savepoint is gone after a commit, and after a return to it.
          if (ending === 'and commits' || ending === 'and rolls back') establishCrankSavepoint('s');
        });
        endCrank();
        await store.hostStorage.commit();
        seen.push(`${change} ${ending}`, keys, await walk(kvStore));
        // As it was.
        for (const key of await walk(kvStore)) {
          if (key === 'z' || Number(key.slice(1)) % 2 === 1) kvStore.delete(key);
        }
        for (let n = 0; n < COUNT; n += 1) kvStore.set(keyOf(2 * n), 'v');
        await store.hostStorage.commit();
      }
    }
    await store.hostStorage.close();
    return seen;
  },

  async 'walks in which somebody else commits'(scene) {
    const store = await makeStore(scene);
    const { kvStore } = store.kernelStorage;
    const seen = [];
    const commits = [
      n => `INSERT INTO kvStore VALUES ('${keyOf(n + 3)}', 'theirs')`,
      n => `DELETE FROM kvStore WHERE key > '${keyOf(n)}' AND key < '${keyOf(n + 20)}'`,
      () => `INSERT INTO kvStore VALUES ('z', 'theirs')`,
    ];
    for (const sql of commits) {
      const keys = await walk(kvStore, '', async (n, count) => {
        if (count === 290) inAnotherProcess(scene.dir, sql(n));
      });
      seen.push(keys, await walk(kvStore));
    }
    // At the very end, too, where it is known that nothing follows.
    const last = seen.at(-1).at(-1);
    seen.push(kvStore.getNextKey(last));
    inAnotherProcess(scene.dir, `INSERT INTO kvStore VALUES ('zz', 'theirs')`);
    seen.push(kvStore.getNextKey(last), kvStore.getNextKey('zz'));
    await store.hostStorage.close();
    return seen;
  },

  async 'steps that go back, repeat themselves, skip keys, and begin between two keys'(scene) {
    const store = await makeStore(scene);
    const { kvStore } = store.kernelStorage;
    const seen = [];
    const next = key => seen.push(kvStore.getNextKey(key));
    for (const begin of [0, 1, 300, 301, 2 * COUNT - 3]) {
      let key = keyOf(begin);
      for (let i = 0; i < 150 && key !== undefined; i += 1) {
        seen.push((key = kvStore.getNextKey(key)));
        if (key === undefined) break;
        const n = Number(key.slice(1));
        if (i % 10 === 3) next(keyOf(n - 1));
        if (i % 10 === 5) next(keyOf(n - 2));
        if (i % 10 === 6) next(key);
        if (i % 10 === 7) next(keyOf(n + 5));
        if (i % 30 === 8) next(keyOf(n + 500));
        if (i % 30 === 18) next('');
        if (i % 30 === 28) next('zzz');
      }
    }
    // Two walks side by side.
    let [one, other] = ['', keyOf(500)];
    for (let i = 0; i < 120; i += 1) {
      seen.push((one = kvStore.getNextKey(one)), (other = kvStore.getNextKey(other)));
    }
    await store.hostStorage.close();
    return seen;
  },

  async 'the first key is deleted again and again'(scene) {
    const store = await makeStore(scene);
    const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } = store.kernelStorage;
    const seen = [];
    const deleteFirst = count => {
      for (let i = 0; i < count; i += 1) {
        const key = kvStore.getNextKey('k');
        seen.push(key);
        if (key !== undefined) kvStore.delete(key);
      }
    };
    startCrank();
    deleteFirst(150);
    establishCrankSavepoint('s');
    deleteFirst(60);
    // What was passed over is there again, at once.
    rollbackCrank('s');
    deleteFirst(10);
    establishCrankSavepoint('s');
    deleteFirst(60);
    kvStore.set(keyOf(310), 'again');
    deleteFirst(30);
    seen.push(await walk(kvStore));
    rollbackCrank('s');
    deleteFirst(COUNT);
    kvStore.set(keyOf(5), 'again');
    deleteFirst(2);
    endCrank();
    await store.hostStorage.commit();
    seen.push(await walk(kvStore));
    await store.hostStorage.close();
    return seen;
  },
};

testScenarios(test, [subject, reference], scenarios);
