// Each sub-store over a database handle: its transactions, reports, traces and defaults.
import { createHash } from 'node:crypto';
import test from 'ava';

import {
  Database,
  bundleIDFromName,
  getKVStoreKeyType,
  getKeyType,
  makeBundleStore,
  makeKVStore,
  makeSnapStore,
  makeSnapStoreIO,
  makeTranscriptStore,
} from '../../index.mjs';

test('a wrong type is refused before a transaction begins, and is not traced', t => {
  const db = new Database(':memory:');
  const log = [];
  const kvStore = makeKVStore(
    db,
    () => log.push('ensureTxn'),
    (...args) => log.push(args.join(' ')),
  );
  kvStore.set('key', 'value');
  kvStore.delete('other');
  t.deepEqual(log.splice(0), ['ensureTxn', 'set key value', 'ensureTxn', 'del other']);
  for (const wrong of [7, undefined, null, {}, Symbol('key')]) {
    t.throws(() => kvStore.set(wrong, 'value'), { message: /must be a string/ });
    t.throws(() => kvStore.set('key', wrong), { message: /must be a string/ });
    t.throws(() => kvStore.set(wrong, wrong), { message: /must be a string/ });
    t.throws(() => kvStore.delete(wrong), { message: /must be a string/ });
  }
  t.deepEqual(log, []);
  t.is(kvStore.get('key'), 'value');
  db.close();
});

test('types of keys', t => {
  for (const keyType of [getKeyType, getKVStoreKeyType]) {
    t.is(keyType('host.height'), 'host');
    t.is(keyType('local.cache'), 'local');
    t.is(keyType('v1.o+0'), 'consensus');
  }
});

const sha256 = data => createHash('sha256').update(data).digest('hex');

/** A sub-store over a database of its own, with a log of what it calls. */
const makeOne = (make, ...options) => {
  const db = new Database();
  const log = [];
  const noted = [];
  const begin = () => {
    log.push('begin');
    if (!db.inTransaction) db.exec('BEGIN');
  };
  let fails;
  const note = (...args) => {
    if (fails === args[0]) throw Error('not now');
    noted.push(args);
  };
  return { db, store: make(db, begin, note, ...options), log, noted, failAt: key => (fails = key) };
};

const makeSnapshots = (db, begin, note, ...options) => makeSnapStore(db, begin, makeSnapStoreIO(), note, ...options);

test('every write begins a transaction and is reported', async t => {
  const { db, store, log, noted } = makeOne(makeTranscriptStore);
  t.true(Object.isFrozen(store));
  store.initTranscript('v1');
  t.deepEqual(log.splice(0), ['begin']);
  t.deepEqual(
    noted.splice(0).map(([key]) => key),
    ['transcript.v1.current'],
  );
  store.addItem('v1', 'zero');
  t.is(JSON.parse(noted[0][1]).endPos, 1);
  await store.rolloverSpan('v1');
  t.deepEqual(log.splice(0), ['begin', 'begin']);
  t.deepEqual(
    noted.splice(0).map(([key]) => key),
    ['transcript.v1.current', 'transcript.v1.0', 'transcript.v1.current'],
  );
  t.deepEqual([...store.readSpan('v1', 0)], ['zero']);
  t.deepEqual(store.dumpTranscripts(), { v1: { 0: 'zero' } });
  t.deepEqual(store.dumpTranscripts(true), { v1: { 0: 'zero' } });
  t.deepEqual(store.dumpTranscripts(false), {});
  t.deepEqual(log, []);
  // What does not change anything is not noted, and what is deleted is noted without a value.
  await t.throwsAsync(store.rolloverSpan('v9'), { message: /no current transcript/ });
  t.deepEqual(noted, []);
  store.deleteVatTranscripts('v1');
  t.deepEqual(
    noted
      .splice(0)
      .filter(([, value]) => value === undefined)
      .map(([key]) => key)
      .sort(),
    ['transcript.v1.0', 'transcript.v1.current'],
  );
  db.close();
  t.throws(() => store.addItem('v1', 'more'), { message: /not open/ });
});

test('a change whose report failed is reported the next time', t => {
  const { db, store, noted, failAt } = makeOne(makeTranscriptStore);
  failAt('transcript.v1.current');
  t.throws(() => store.initTranscript('v1'), { message: 'not now' });
  failAt(undefined);
  t.deepEqual(noted, []);
  store.initTranscript('v2');
  t.deepEqual(
    noted
      .splice(0)
      .map(([key]) => key)
      .sort(),
    ['transcript.v1.current', 'transcript.v2.current'],
  );
  // What came before the failure has been noted.
  store.addItem('v1', 'zero');
  noted.length = 0;
  failAt('transcript.v1.current');
  t.throws(() => store.deleteVatTranscripts('v1'), { message: 'not now' });
  failAt(undefined);
  const before = noted.splice(0).map(([key]) => key);
  store.addItem('v2', 'zero');
  t.deepEqual([...before, ...noted.map(([key]) => key)].sort(), ['transcript.v1.current', 'transcript.v2.current']);
  db.close();
});

test('of several changes, those before a failed report are reported once', async t => {
  const { db, store, noted, failAt } = makeOne(makeTranscriptStore);
  const reported = () => noted.splice(0).map(([key]) => key);
  store.initTranscript('v1');
  store.addItem('v1', 'zero');
  reported();
  failAt('transcript.v1.current');
  await t.throwsAsync(store.rolloverSpan('v1'), { message: 'not now' });
  t.deepEqual(reported(), ['transcript.v1.0']);
  failAt(undefined);
  store.initTranscript('v2');
  t.deepEqual(reported(), ['transcript.v1.current', 'transcript.v2.current']);
  db.close();
});

test('items are kept by default, and snapshots are not', async t => {
  const items = async (...options) => {
    const { db, store } = makeOne(makeTranscriptStore, ...options);
    store.initTranscript('v1');
    store.addItem('v1', 'zero');
    await store.rolloverSpan('v1');
    const count = db.prepare('SELECT count(*) FROM transcriptItems').pluck().get();
    db.close();
    return count;
  };
  t.is(await items(), 1);
  t.is(await items({}), 1);
  t.is(await items({ keepTranscripts: true }), 1);
  t.is(await items({ keepTranscripts: false }), 0);
  t.is(await items({ keepTranscripts: 0 }), 0);
  const snapshots = async (...options) => {
    const { db, store } = makeOne(makeSnapshots, ...options);
    await store.saveSnapshot('v1', 1, [Buffer.from('one')]);
    await store.saveSnapshot('v1', 2, [Buffer.from('two')]);
    const count = db.prepare('SELECT count(*) FROM snapshots WHERE compressedSnapshot IS NOT NULL').pluck().get();
    const dumped = [store.dumpSnapshots(), store.dumpSnapshots(true), store.dumpSnapshots(false)];
    db.close();
    return [count, ...dumped.map(({ v1 }) => v1.length)];
  };
  t.deepEqual(await snapshots(), [1, 2, 2, 1]);
  t.deepEqual(await snapshots({ keepSnapshots: false }), [1, 2, 2, 1]);
  t.deepEqual(await snapshots({ keepSnapshots: true }), [2, 2, 2, 1]);
  t.deepEqual(await snapshots({ keepSnapshots: 1 }), [2, 2, 2, 1]);
});

test('populating contents, by default in archival mode', async t => {
  const item = 'zero';
  const hash = sha256(`${sha256('start of transcript span')}${sha256(item)}`);
  const record = isCurrent => ({
    vatID: 'v1',
    startPos: isCurrent ? 1 : 0,
    endPos: isCurrent ? 2 : 1,
    hash,
    isCurrent,
    incarnation: 0,
  });
  const transcripts = makeOne(makeTranscriptStore);
  const { store } = transcripts;
  store.importTranscriptSpanRecord('transcript.v1.0', JSON.stringify(record(0)));
  store.importTranscriptSpanRecord('transcript.v1.current', JSON.stringify(record(1)));
  const read = [];
  const chunksOf = name => async () => {
    read.push(name);
    return [Buffer.from(`${item}\n`)];
  };
  t.throws(() => store.assertComplete('operational'), { message: /incomplete/ });
  for (const name of ['transcript.v1.0.1', 'transcript.v1.1.2']) {
    await store.populateTranscriptSpan(name, chunksOf(name), {});
  }
  t.deepEqual(store.dumpTranscripts(), { v1: { 0: item, 1: item } });
  t.notThrows(() => store.assertComplete('archival'));
  t.deepEqual(read.splice(0), ['transcript.v1.0.1', 'transcript.v1.1.2']);
  await store.populateTranscriptSpan('transcript.v1.0.1', chunksOf('not wanted'), { artifactMode: 'operational' });
  t.deepEqual(read, []);
  t.true(transcripts.log.length >= 5);
  transcripts.db.close();

  const { db, store: snapStore, log } = makeOne(makeSnapshots);
  const data = Buffer.from('snapshot');
  const snapshot = (snapPos, inUse) => JSON.stringify({ vatID: 'v1', snapPos, hash: sha256(data), inUse });
  snapStore.importSnapshotRecord('snapshot.v1.1', snapshot(1, 0));
  snapStore.importSnapshotRecord('snapshot.v1.2', snapshot(2, 1));
  snapStore.importSnapshotRecord('snapshot.v1.current', 'snapshot.v1.2');
  t.throws(() => snapStore.assertComplete('operational'), { message: /snapshot/ });
  let wasRead = 0;
  const options = { whenRead: () => (wasRead += 1) };
  log.length = 0;
  await snapStore.populateSnapshot('snapshot.v1.2', async () => [data], options);
  t.deepEqual(log, ['begin', 'begin']);
  t.is(wasRead, 1);
  t.notThrows(() => snapStore.assertComplete('operational'));
  await snapStore.populateSnapshot('snapshot.v1.1', () => t.fail(), options);
  await snapStore.populateSnapshot('snapshot.v1.1', async () => [data], { artifactMode: 'debug' });
  t.is(db.prepare('SELECT count(*) FROM snapshots WHERE compressedSnapshot IS NOT NULL').pluck().get(), 2);
  db.close();
});

test('bundles', async t => {
  const { db, store, log, noted } = makeOne(makeBundleStore);
  const bundle = { moduleFormat: 'nestedEvaluate', source: '1', sourceMap: '' };
  const json = JSON.stringify(bundle);
  const id = `b0-${sha256(json)}`;
  const name = `bundle.${id}`;
  t.is(bundleIDFromName(name), id);
  store.importBundleRecord(name, id);
  t.throws(() => store.assertComplete('operational'), { message: /missing bundle/ });
  log.length = 0;
  await store.importBundle(name, async () => Buffer.from(json));
  t.deepEqual(log, ['begin']);
  t.notThrows(() => store.assertComplete('operational'));
  t.deepEqual(store.getBundle(id), bundle);
  await t.throwsAsync(
    store.importBundle(name, async () => Buffer.from('{}')),
    { message: /hash|match|bundle/ },
  );
  noted.length = 0;
  store.deleteBundle(id);
  t.deepEqual(noted, [[name, undefined]]);
  log.length = 0;
  store.deleteBundle(id);
  t.deepEqual(log, []);
  t.deepEqual(store.dumpBundles(), {});
  // Without anybody to note it.
  const quiet = makeBundleStore(new Database(), () => {});
  quiet.addBundle(id, bundle);
  t.true(quiet.hasBundle(id));
  const transcripts = makeTranscriptStore(new Database(), () => {});
  transcripts.initTranscript('v1');
  const snapshots = makeSnapStore(new Database(), () => {}, makeSnapStoreIO());
  await snapshots.saveSnapshot('v1', 1, [Buffer.from('one')]);
  t.is(snapshots.getSnapshotInfo('v1').snapPos, 1);
  db.close();
});

test('readers stop when the database is closed', t => {
  const { db, store } = makeOne(makeTranscriptStore);
  store.initTranscript('v1');
  for (let i = 0; i < 5; i += 1) store.addItem('v1', `${i}`);
  const span = store.readSpan('v1');
  const full = store.readFullVatTranscript('v1');
  for (const reader of [span, full]) t.false(reader.next().done);
  db.close();
  for (const reader of [span, full]) t.throws(() => reader.next(), { message: /not open/ });
});
