// As write-buffer.test.mjs: sub-stores of tools over a store's database, wrappers, many savepoints, all positions of a key,
// and other kinds of databases.
import '@endo/init/debug.js';

import test from 'ava';
import { Buffer } from 'node:buffer';
import { reference, subject } from '../support/common/implementations.mjs';
import { kept } from '../support/common/lone-surrogates.mjs';
import { look } from '../support/common/observe.mjs';
import { drain } from '../support/common/outcome.mjs';
import { testScenarios } from '../support/common/scenarios.mjs';

const walk = ({ getNextKey }, from = '', limit = 1000) => {
  const keys = [];
  for (let key = from; keys.length < limit && (key = getNextKey(key)) !== undefined;) keys.push(key);
  return keys;
};

const readAll = ({ get, has, getNextKey }, keys) => keys.map(key => [get(key), has(key), getNextKey(key), get(key)]);

const seeEverything = store => look({ store, tidy: text => text, config: {} });

const placeKeys = ['', 'a', 'aa', 'b', 'c', 'd', 'e', 'f'];

const long = (unit, times) => unit.repeat(times);

const oddKeys = [
  '',
  '\0',
  'a',
  'a\0',
  'a\0b',
  'é',
  '\ue000',
  '\uffff',
  '\u{1f600}',
  '\ud83d',
  '\ude00',
  '\ude00\ud83d',
  '\ufffd',
].map(kept);

const oddValues = ['', '\0', '\ud800', 'x\udc00y', '\ud83d\ude00', '\ude00\ud83d', '\ufffd', long('\ud800', 400)].map(
  kept,
);

testScenarios(test, [subject, reference], {
  async "tools' sub-stores over a store's database agree with it"({ api, dir }) {
    const store = api.initSwingStore(dir);
    const { kernelStorage, hostStorage, debug } = store;
    const { kvStore, transcriptStore, startCrank, establishCrankSavepoint, rollbackCrank } = kernelStorage;
    const db = debug.getDatabase();
    const noted = [];
    const seen = [noted];
    const ways = {
      begins: () => db.inTransaction || db.prepare('BEGIN IMMEDIATE').run(),
      defers: () => db.inTransaction || db.exec('BEGIN'),
      nothing: () => {},
    };
    for (const [way, ensureTxn] of Object.entries(ways)) {
      const note = (...args) => noted.push(args);
      const kv = api.makeKVStore(db, ensureTxn, note);
      const transcripts = api.makeTranscriptStore(db, ensureTxn, note, { keepTranscripts: true });
      const snaps = api.makeSnapStore(db, ensureTxn, api.makeSnapStoreIO(), note, {});
      const see = () =>
        seen.push(
          [kvStore, kv].map(one => [readAll(one, placeKeys), walk(one)]),
          [transcriptStore, transcripts].map(one => [one.getCurrentSpanBounds(way), drain(one.readSpan(way))]),
          db.inTransaction,
        );
      kvStore.set('a', way);
      transcriptStore.initTranscript(way);
      see();
      kv.set('a', `${way} by a tool`);
      kv.set('b', `${way} by a tool`);
      transcripts.addItem(way, 'by a tool');
      see();
      kvStore.delete('b');
      transcriptStore.addItem(way, 'by the store');
      see();
      await hostStorage.commit();
      see();
      kv.set('c', `${way} after the commit`);
      kv.delete('a');
      transcripts.addItem(way, 'after the commit');
      see();
      await transcripts.rolloverSpan(way);
      await snaps.saveSnapshot(way, 1, [Buffer.from(way)]);
      see();
      startCrank();
      establishCrankSavepoint('x');
      kv.set('d', 'undone');
      kvStore.set('e', 'undone');
      transcripts.addItem(way, 'undone');
      see();
      rollbackCrank('x');
      see();
      kernelStorage.endCrank();
      await hostStorage.commit();
      seen.push(await seeEverything(store));
    }
    await hostStorage.close();
    return seen;
  },

  async 'a wrapped kvStore'({ api, dir }) {
    const called = [];
    const wrapKvStore = kv => ({
      ...kv,
      get: key => (called.push(key), kv.get(key)?.toUpperCase()),
      set: (key, value) => kv.set(key, `<${value}>`),
    });
    const store = api.initSwingStore(dir, { wrapKvStore, exportCallback() {} });
    const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, emitCrankHashes, endCrank } =
      store.kernelStorage;
    const seen = [called];
    for (let i = 0; i < 3; i += 1) {
      startCrank();
      kvStore.set('a', `kept ${i}`);
      establishCrankSavepoint('x');
      kvStore.set('a', 'undone');
      kvStore.delete('b');
      seen.push(kvStore.get('a'), emitCrankHashes());
      rollbackCrank('x');
      seen.push(kvStore.get('a'), store.internal.kvStore.get('activityhash'), emitCrankHashes());
      kvStore.set('b', 'x');
      endCrank();
      await store.hostStorage.commit();
    }
    seen.push(await seeEverything(store));
    await store.hostStorage.close();
    return seen;
  },

  async 'savepoints in savepoints, with what SQL must see in between'({ api, dir }) {
    const store = api.initSwingStore(dir, { exportCallback() {} });
    const { kvStore, transcriptStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } =
      store.kernelStorage;
    const db = store.debug.getDatabase();
    transcriptStore.initTranscript('v1');
    const flushes = [
      () => {},
      () => db.prepare('SELECT 1').get(),
      () => transcriptStore.addItem('v1', 'item'),
      () => drain(transcriptStore.readSpan('v1', 0)),
      () => kvStore.set('long', long('long ', 250_000)),
      () => store.debug.dump(),
    ];
    const seen = [];
    for (let round = 0; round < 60; round += 1) {
      startCrank();
      for (let i = 0; i < 8; i += 1) {
        establishCrankSavepoint(`s${i}`);
        kvStore.set(placeKeys[(i * 3 + round) % 8], `${round} ${i}`);
        if ((i + round) % 3 === 0) kvStore.delete(placeKeys[(i + round) % 8]);
        flushes[(i * round + i) % flushes.length]();
      }
      rollbackCrank(`s${3 + (round % 5)}`);
      seen.push(readAll(kvStore, placeKeys), transcriptStore.getCurrentSpanBounds('v1'));
      kvStore.set('a', `${round}`);
      if (round % 2) flushes[round % flushes.length]();
      rollbackCrank(`s${round % 3}`);
      seen.push(readAll(kvStore, placeKeys), walk(kvStore), transcriptStore.getCurrentSpanBounds('v1'));
      if (round % 4) transcriptStore.addItem('v1', `${round}`);
      endCrank();
      if (round % 3 === 0) await store.hostStorage.commit();
    }
    seen.push(await seeEverything(store));
    await store.hostStorage.close();
    return seen;
  },

  async 'the next key, with every subset of keys stored, set and deleted'({ api }) {
    const store = api.initSwingStore();
    const { kvStore } = store.kernelStorage;
    const places = ['a', 'b', 'c', 'd'];
    const seen = [];
    const subset = bits => places.filter((_, i) => bits & (1 << i));
    for (let stored = 0; stored < 16; stored += 1) {
      for (let changed = 0; changed < 16; changed += 1) {
        for (const key of places) kvStore.delete(key);
        for (const key of subset(stored)) kvStore.set(key, 'stored');
        await store.hostStorage.commit();
        const before = walk(kvStore);
        for (const key of subset(changed)) kvStore[stored & changed & 5 ? 'delete' : 'set'](key, 'set');
        seen.push(before, walk(kvStore), ['', 'aa', 'b', 'cc', 'd'].map(kvStore.getNextKey));
      }
    }
    // More deleted keys in a row than are passed over one by one.
    for (let i = 0; i < 300; i += 1) kvStore.set(`k${1000 + i}`, 'x');
    await store.hostStorage.commit();
    for (let i = 10; i < 200; i += 1) kvStore.delete(`k${1000 + i}`);
    for (let i = 400; i < 500; i += 1) kvStore.set(`k${1000 + i}`, 'x');
    for (let i = 400; i < 490; i += 1) kvStore.delete(`k${1000 + i}`);
    seen.push(walk(kvStore), walk(kvStore, 'k1350'), kvStore.getNextKey('k1009'));
    await store.hostStorage.close();
    return seen;
  },

  async 'odd keys and values, before and after they reach the file'({ api, dir }) {
    let store = api.initSwingStore(dir);
    const seen = [];
    const see = () =>
      seen.push(readAll(store.kernelStorage.kvStore, oddKeys), walk(store.kernelStorage.kvStore, '', 40));
    for (const [i, value] of [...oddValues, long('x', 2_000_000), kept(long('\ud800é', 700_000))].entries()) {
      const { kvStore } = store.kernelStorage;
      for (const key of oddKeys) kvStore.set(key, value);
      kvStore.delete(oddKeys[i % oddKeys.length]);
      see();
      store.debug.getDatabase().prepare('SELECT 1').get();
      see();
      await store.hostStorage.commit();
      see();
      // Enough to push everything else out of a cache.
      if (i === 1) for (let n = 0; n < 20; n += 1) kvStore.set(`long${n}`, long('longer ', 430_000));
      see();
      await store.hostStorage.close();
      store = api.openSwingStore(dir);
      see();
    }
    await store.hostStorage.close();
    return seen;
  },

  async 'in memory, serialized, without a journal'({ api, base }) {
    const seen = [];
    const use = async store => {
      const { kvStore, transcriptStore, startCrank, establishCrankSavepoint, emitCrankHashes, endCrank } =
        store.kernelStorage;
      if (!kvStore.has('a')) transcriptStore.initTranscript('v1');
      startCrank();
      establishCrankSavepoint('x');
      kvStore.set('a', `${kvStore.get('a')}a`);
      transcriptStore.addItem('v1', 'item');
      seen.push(emitCrankHashes(), readAll(kvStore, placeKeys));
      endCrank();
      await store.hostStorage.commit();
      kvStore.set('b', 'uncommitted');
      return store;
    };
    const memory = await use(api.initSwingStore());
    const serialized = memory.debug.serialize();
    await memory.hostStorage.close();
    const again = await use(api.initSwingStore(null, { serialized }));
    seen.push(await seeEverything(again));
    await again.hostStorage.close();
    const fast = await use(api.initSwingStore(`${base}/fast`, { unsafeFastMode: true }));
    // Without a journal nothing can be undone, and rolling back changes nothing.
    for (const sees of [false, true]) {
      const { kvStore, transcriptStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } =
        fast.kernelStorage;
      startCrank();
      establishCrankSavepoint('x');
      kvStore.set('c', `kept ${sees}`);
      transcriptStore.addItem('v1', 'kept');
      if (sees) fast.debug.getDatabase().prepare('SELECT 1').get();
      rollbackCrank('x');
      transcriptStore.addItem('v1', 'more');
      seen.push(readAll(kvStore, placeKeys), transcriptStore.getCurrentSpanBounds('v1'));
      endCrank();
    }
    seen.push(await seeEverything(fast));
    await fast.hostStorage.commit();
    await fast.hostStorage.close();
    const safe = await use(api.openSwingStore(`${base}/fast`));
    for (const mode of ['DELETE', 'WAL', 'MEMORY', 'WAL']) {
      await safe.hostStorage.commit();
      seen.push(safe.debug.getDatabase().pragma(`journal_mode = ${mode}`));
      await use(safe);
    }
    seen.push(await seeEverything(safe));
    await safe.hostStorage.close();
    return seen;
  },
});
