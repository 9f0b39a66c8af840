// As write-buffer.test.mjs: callbacks that use the store, and a database that is full.
import '@endo/init/debug.js';

import test from 'ava';
import { reference, subject } from '../support/common/implementations.mjs';
import { look } from '../support/common/observe.mjs';
import { drain } from '../support/common/outcome.mjs';
import { playScenario, testScenarios } from '../support/common/scenarios.mjs';

const attemptNow = act => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error.message;
  }
};

const walk = ({ getNextKey }) => {
  const keys = [];
  for (let key = ''; (key = getNextKey(key)) !== undefined;) keys.push(key);
  return keys;
};

const seeEverything = store => look({ store, tidy: text => text, config: {} });

testScenarios(test, [subject, reference], {
  async 'an export callback that uses the store'({ api, dir, attempt }) {
    let act = () => {};
    const calls = [];
    const store = api.initSwingStore(dir, {
      exportCallback(entries) {
        calls.push([...entries].map(pair => [...pair]));
        // What it throws at is given to ours again: see `exportCallbackThrows`.
        seen.push(attemptNow(act));
      },
    });
    const { kvStore, transcriptStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } =
      store.kernelStorage;
    const seen = [calls];
    transcriptStore.initTranscript('v1');
    const db = store.debug.getDatabase();
    const acts = [
      () => {},
      () => kvStore.set('meanwhile', `${calls.length}`),
      () => transcriptStore.addItem('v1', 'meanwhile'),
      () => seen.push(db.prepare('SELECT * FROM pendingExports').all(), kvStore.get('a'), walk(kvStore)),
      () => db.exec(`UPDATE kvStore SET value = 'by SQL' WHERE key = 'a'`),
      () => rollbackCrank('x'),
      () => establishCrankSavepoint('meanwhile'),
    ];
    for (const [i, one] of acts.entries()) {
      for (const when of ['endCrank', 'commit', 'commit in mid-crank']) {
        act = () => {};
        seen.push(await attempt(() => startCrank()));
        kvStore.set('a', `${i} ${when}`);
        establishCrankSavepoint('x');
        kvStore.set('b', `${i}`);
        if (when === 'endCrank') act = one;
        if (when === 'commit in mid-crank') {
          act = one;
          seen.push(await attempt(() => store.hostStorage.commit()));
          kvStore.set('c', `${i}`);
          act = () => {};
          seen.push(await attempt(() => rollbackCrank('x')), kvStore.get('b'), kvStore.get('c'));
        }
        seen.push(await attempt(() => endCrank()));
        act = when === 'commit' ? one : () => {};
        seen.push(await attempt(() => store.hostStorage.commit()));
        act = () => {};
        seen.push(await attempt(() => endCrank()), await attempt(() => store.hostStorage.commit()));
        seen.push(await seeEverything(store));
        seen.push(await attempt(() => startCrank()), await attempt(() => endCrank()));
      }
    }
    await store.hostStorage.close();
    return seen;
  },

  // The table of pending changes has rows. They are delivered, and the rollback brings them back.
  async 'changes of the export data that SQL has seen, and a rollback after they were handed out'({
    api,
    dir,
    attempt,
  }) {
    const seen = [];
    let act = () => {};
    const store = api.initSwingStore(dir, {
      exportCallback(entries) {
        seen.push([...entries].map(pair => [...pair]));
        return act();
      },
    });
    const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } = store.kernelStorage;
    const rows = store.debug.getDatabase().prepare('SELECT * FROM pendingExports ORDER BY key');
    const acts = {
      'rolls back': () => rollbackCrank('x'),
      'fails, and then there is a rollback': () => {
        throw Error('the callback fails');
      },
    };
    for (const [name, one] of Object.entries(acts)) {
      startCrank();
      kvStore.set('before', name);
      seen.push(name, rows.all());
      establishCrankSavepoint('x');
      kvStore.set('after', name);
      act = one;
      seen.push(await attempt(() => store.hostStorage.commit()));
      act = () => {};
      seen.push(await attempt(() => rollbackCrank('x')));
      seen.push(await attempt(() => endCrank()));
      kvStore.set('later', name);
      seen.push(await attempt(() => store.hostStorage.commit()), await seeEverything(store));
      seen.push(await attempt(() => endCrank()), await attempt(() => store.hostStorage.commit()));
    }
    await store.hostStorage.close();
    return seen;
  },
});

// A key that an export callback sets during a commit is noted for the next one. That commit stores the note in a table, so the
// note is there again after the next commit fails.
for (const crank of ['without a crank', 'in a crank', 'in a crank with a savepoint']) {
  test(`changes of the export data are delivered after a failed commit: ${crank}`, async t => {
    await playScenario(subject, async ({ api, dir, attempt }) => {
      const calls = [];
      let act = () => {};
      const store = api.initSwingStore(dir, {
        exportCallback(entries) {
          calls.push([...entries].map(pair => [...pair]));
          act();
        },
      });
      const { kvStore, startCrank, establishCrankSavepoint, endCrank } = store.kernelStorage;
      const { commit, close } = store.hostStorage;
      const db = store.debug.getDatabase();
      // No SQL of a tool from here on: it would reset what the store knows about the table.
      db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true }) + 30}`);
      kvStore.set('first', '1');
      act = () => kvStore.set('meanwhile', '1');
      await commit();
      act = () => {};
      if (crank !== 'without a crank') startCrank();
      if (crank === 'in a crank with a savepoint') establishCrankSavepoint('x');
      kvStore.set('lost', '1');
      // Not exported, so there is room for all that is.
      store.hostStorage.kvStore.set('host.large', 'x'.repeat(500_000));
      const { rejects } = await attempt(() => commit());
      t.is(rejects?.code, 'SQLITE_FULL');
      kvStore.set('last', '1');
      if (crank === 'in a crank') endCrank();
      if (crank === 'in a crank with a savepoint') t.throws(endCrank, { message: 'no such savepoint: t0' });
      await commit();
      t.deepEqual(calls, [
        [['kv.first', '1']],
        [
          ['kv.lost', '1'],
          ['kv.meanwhile', '1'],
        ],
        [
          ['kv.last', '1'],
          ['kv.meanwhile', '1'],
        ],
      ]);
      t.deepEqual(db.prepare('SELECT * FROM pendingExports').all(), []);
      t.deepEqual(walk(kvStore), ['first', 'last', 'meanwhile']);
      await close();
    });
  });
}

test('a full database loses the whole transaction', async t => {
  await playScenario(subject, async ({ api, dir, attempt }) => {
    const store = api.initSwingStore(dir, { exportCallback() {} });
    const { kernelStorage, hostStorage, debug } = store;
    const { kvStore, transcriptStore, startCrank, establishCrankSavepoint, rollbackCrank } = kernelStorage;
    transcriptStore.initTranscript('v1');
    kvStore.set('a', 'committed');
    kvStore.set('b', 'committed');
    await hostStorage.commit();
    const db = debug.getDatabase();
    for (const inCrank of [false, true]) {
      db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true }) + 20}`);
      if (inCrank) {
        startCrank();
        establishCrankSavepoint('x');
      }
      kvStore.set('a', 'lost');
      kvStore.delete('b');
      transcriptStore.addItem('v1', 'lost');
      const failures = [];
      for (let i = 0; i < 40 && failures.length === 0; i += 1) {
        const outcome = await attempt(() => kvStore.set(`long${i}`, 'x'.repeat(30_000)));
        if (outcome.throws) failures.push(outcome.throws);
      }
      if (failures.length === 0) failures.push((await attempt(() => hostStorage.commit())).rejects);
      t.is(failures[0].message, 'database or disk is full');
      t.is(failures[0].code, 'SQLITE_FULL');
      t.false(db.inTransaction);
      t.deepEqual(walk(kvStore), ['a', 'b']);
      t.deepEqual([kvStore.get('a'), kvStore.get('b'), kvStore.has('long0')], ['committed', 'committed', false]);
      t.is(transcriptStore.getCurrentSpanBounds('v1').endPos, inCrank ? 1 : 0);
      if (inCrank) {
        t.is((await attempt(() => rollbackCrank('x'))).throws.message, 'no such savepoint: t0');
      }
      db.pragma('max_page_count = 1000000');
      transcriptStore.addItem('v1', 'kept');
      await hostStorage.commit();
    }
    await hostStorage.close();
    const again = api.openSwingStore(dir);
    t.deepEqual(drain(again.kernelStorage.transcriptStore.readSpan('v1')).items, ['kept', 'kept']);
    t.is(again.kernelStorage.kvStore.get('a'), 'committed');
    await again.hostStorage.close();
  });
});
