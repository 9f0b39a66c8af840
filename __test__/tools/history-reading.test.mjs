// Reading transcripts through a history: its view of one commit, its end, and that it does not change the store.
import '@endo/init/debug.js';
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';

import * as api from '../../index.mjs';
import { makeHistoryStore } from '../support/common/history-store.mjs';
import { reference } from '../support/common/implementations.mjs';

const { openSwingStore, openSwingStoreHistory } = api;

const makeDir = t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-history-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
};

const historyOf = async (t, { sql, options } = {}) => {
  const dir = makeDir(t);
  await makeHistoryStore(api, dir, options, sql);
  const history = openSwingStoreHistory(dir);
  t.teardown(() => history.close().catch(() => {}));
  return { history, dir };
};

const collect = async iterable => {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
};

/** The items of a vat from the reference's transcript store, with their positions and incarnations. */
const itemsInStore = async (dir, vatID) => {
  const { internal, debug, hostStorage } = reference.api.openSwingStore(dir);
  const incarnations = debug
    .getDatabase()
    .prepare('SELECT incarnation FROM transcriptItems WHERE vatID = ? ORDER BY position');
  const numbers = incarnations.pluck().all(vatID);
  const all = [...internal.transcriptStore.readFullVatTranscript(vatID)].map(({ position, item }) => {
    return { position, incarnation: numbers[position], item };
  });
  await hostStorage.close();
  return all;
};

test('items by position, range, span and incarnation', async t => {
  const { history, dir } = await historyOf(t);
  const all = await itemsInStore(dir, 'v6');
  t.is(all.length, 30);
  t.deepEqual(await collect(history.readItems('v6')), all);
  t.deepEqual(await collect(history.readItems('v6', { start: 3, end: 20 })), all.slice(3, 20));
  t.deepEqual(await collect(history.readItems('v6', { start: 25 })), all.slice(25));
  t.deepEqual(await collect(history.readItems('v6', { end: 1 })), all.slice(0, 1));
  t.deepEqual(await collect(history.readItems('v6', { start: 30 })), []);
  t.deepEqual(await collect(history.readSpan('v6', 13)), all.slice(13, 19));
  t.deepEqual(await collect(history.readIncarnation('v6', 1)), all.slice(9, 19));
  t.deepEqual(await collect(history.readIncarnation('v3', 0)), []);
  const item = await history.readItem('v6', 12);
  t.deepEqual(item, all[12]);
  t.true(Object.isFrozen(item));
});

test('more than a batch, with unusual strings', async t => {
  const dir = makeDir(t);
  const { kernelStorage, hostStorage } = api.initSwingStore(dir);
  const { transcriptStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  const texts = [];
  for (let i = 0; i < 3000; i += 1) {
    const text = i % 100 ? `${i} é\u{1f600}\u2028 `.repeat(i % 50) : 'large '.repeat(100_000);
    texts.push(text);
    transcriptStore.addItem('v1', text);
    if (i % 700 === 699) await transcriptStore.rolloverSpan('v1');
  }
  transcriptStore.addItem('v1', 'half a pair: \ud800');
  await hostStorage.commit();
  await hostStorage.close();
  const history = openSwingStoreHistory(dir);
  let position = 0;
  for await (const { item, ...place } of history.readItems('v1', { end: 3000 })) {
    if (item !== texts[position] || place.position !== position) t.fail(`at ${position}`);
    position += 1;
  }
  t.is(position, 3000);
  t.is((await history.readItem('v1', 3000)).item, 'half a pair: \ufffd\ufffd\ufffd');
  await history.close();
});

test('missing items are reported before the first item', async t => {
  const sql = `DELETE FROM transcriptItems WHERE vatID = 'v6' AND position IN (5, 14, 15);
    DELETE FROM transcriptItems WHERE vatID = 'v1' AND position < 10`;
  const { history } = await historyOf(t, { sql });
  const incomplete = message => ({ code: 'ERR_SWING_STORE_INCOMPLETE', message });
  const start = 'transcript items of vat "v6" are missing from this store (pruned):';
  await t.throwsAsync(
    history.readItems('v6').next(),
    incomplete(`${start} restore them from the artifacts transcript.v6.4.9, transcript.v6.13.19`),
  );
  await t.throwsAsync(
    history.readIncarnation('v6', 1).next(),
    incomplete(`${start} restore them from the artifact transcript.v6.13.19`),
  );
  await t.throwsAsync(
    history.readItem('v6', 5),
    incomplete(`${start} restore them from the artifact transcript.v6.4.9`),
  );
  t.is((await history.readItem('v6', 4)).position, 4);
  const there = await collect(history.readItems('v6', { start: 3, end: 17, skipMissing: true }));
  t.deepEqual(
    there.map(({ position, incarnation }) => [position, incarnation]),
    [3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 16].map(position => [position, Number(position >= 9)]),
  );
  t.is((await collect(history.readItems('v1', { skipMissing: true }))).length, 2);
  const [first] = await history.listSpans('v6').then(spans => spans.filter(({ populated }) => populated === 'some'));
  t.like(first, { artifact: 'transcript.v6.4.9', items: 4 });
});

test('a missing record between two others', async t => {
  const sql = "DELETE FROM transcriptSpans WHERE vatID = 'v1' AND startPos = 5";
  const { history } = await historyOf(t, { sql });
  const message = 'the spans of vat "v1" are not consecutive: one ends at 5, the next one starts at 10';
  await t.throwsAsync(history.readIncarnation('v1', 0).next(), { message, code: 'ERR_SWING_STORE_INCOMPLETE' });
  t.is((await collect(history.readIncarnation('v1', 0, { skipMissing: true }))).length, 7);
});

test('reading what does not exist', async t => {
  const { history } = await historyOf(t);
  const range = (start, end) =>
    `positions ${start} to ${end} are out of range: vat "v6" has positions 0 to 30 (exclusive)`;
  for (const [start, end] of [
    [30, 31],
    [-1, 2],
    [5, 4],
    [2 ** 53 - 1, 2 ** 53 - 1],
  ]) {
    await t.throwsAsync(history.readItems('v6', { start, end }).next(), {
      message: range(start, end),
      code: 'ERR_SWING_STORE_ARGUMENT',
    });
  }
  await t.throwsAsync(history.readItem('v6', 30), { message: range(30, 31) });
  await t.throwsAsync(history.readSpan('v6', 14).next(), {
    message: 'no span of vat "v6" starts at 14; that position is in the span from 13 to 19',
    code: 'ERR_SWING_STORE_NOT_FOUND',
  });
  await t.throwsAsync(history.readSpan('v6', 30).next(), { message: 'no span of vat "v6" starts at 30' });
  await t.throwsAsync(history.readIncarnation('v6', 3).next(), { message: /has no incarnation 3/ });
  await t.throwsAsync(history.readItems('v99').next(), { message: /no transcript of a vat "v99"/ });
  t.throws(() => history.readItems(7), { message: 'vatID must be a string' });
  t.throws(() => history.readItems('v6', { start: '1' }), { message: 'start must be a number' });
  t.throws(() => history.readSpan('v6'), { message: 'startPos must be a number' });
  t.throws(() => history.readIncarnation('v6', 1.5), { message: 'incarnation must be a whole number, not 1.5' });
  await t.throwsAsync(history.readItem('v6', '3'), { message: 'position must be a number' });
  // A reader is done after a failure, and after its consumer stopped early.
  const failed = history.readSpan('v6', 30);
  await t.throwsAsync(failed.next());
  t.deepEqual(await failed.next(), { value: undefined, done: true });
  for await (const { position } of history.readItems('v6')) if (position === 3) break;
});

test('a history shows one commit, and blocks no other connection', async t => {
  const { history, dir } = await historyOf(t);
  const before = await collect(history.readItems('v6'));
  const reader = history.readItems('v6');
  await reader.next();
  const { kernelStorage, hostStorage } = openSwingStore(dir, { keepTranscripts: false });
  kernelStorage.transcriptStore.addItem('v6', 'late');
  await kernelStorage.transcriptStore.rolloverIncarnation('v6');
  kernelStorage.transcriptStore.deleteVatTranscripts('v9');
  await hostStorage.commit();
  t.deepEqual(await collect(reader), before.slice(1));
  t.is((await history.getVat('v6')).endPos, 30);
  t.is((await history.getVat('v9')).spans, 2);
  const later = openSwingStoreHistory(dir);
  t.like(await later.getVat('v6'), { endPos: 31, incarnation: 3 });
  t.is((await later.getVat('v9')).spans, 0);
  await later.close();
  await hostStorage.close();
});

test('the end of a history', async t => {
  const { history } = await historyOf(t);
  const message = 'this history was closed; open another one';
  const closed = { message, code: 'ERR_SWING_STORE_CLOSED' };
  const readers = [history.readItems('v6'), history.readSpan('v6', 0)];
  await readers[0].next();
  const asked = history.listVats();
  await history.close();
  await t.throwsAsync(asked, closed);
  for (const reader of readers) await t.throwsAsync(reader.next(), closed);
  for (const ask of [
    'getVat',
    'listIncarnations',
    'listSpans',
    'listPseudoDeliveries',
    'replayPlan',
    'listSnapshots',
  ]) {
    await t.throwsAsync(history[ask]('v6'), closed);
  }
  await t.throwsAsync(history.readItem('v6', 3), closed);
  for (const ask of ['listVats', 'listBundles', 'getBlockHeight', 'close']) await t.throwsAsync(history[ask](), closed);
  t.throws(() => history.readItems('v6'), closed);
});

test('reading does not change the store', async t => {
  const { history, dir } = await historyOf(t);
  const file = path.join(dir, 'swingstore.sqlite');
  const before = fs.readFileSync(file);
  await history.listVats({ sizes: true });
  await collect(history.readItems('v6'));
  await history.close();
  t.true(fs.readFileSync(file).equals(before));
  t.deepEqual(fs.readdirSync(dir), ['swingstore.sqlite']);
});

test('old stores without some tables', async t => {
  const sql = 'DROP TABLE snapshots; DROP TABLE bundles';
  const { history } = await historyOf(t, { sql });
  t.deepEqual([await history.listSnapshots(), await history.listBundles()], [[], []]);
  t.is((await history.listVats()).length, 5);
  const plan = await history.replayPlan('v6');
  t.is(plan.missing.length, 2);
});

test('directories without a store', async t => {
  const dir = makeDir(t);
  t.throws(() => openSwingStoreHistory(dir), {
    code: 'ERR_SWING_STORE_OPEN',
    message: `there is no store in ${dir}: it has no swingstore.sqlite. Name the directory that holds swingstore.sqlite`,
  });
  t.throws(() => openSwingStoreHistory(path.join(dir, 'none')), { code: 'ERR_SWING_STORE_OPEN' });
  t.throws(() => openSwingStoreHistory(7), { message: 'dirPath must be a string' });
  t.deepEqual(fs.readdirSync(dir), []);
  const file = path.join(dir, 'swingstore.sqlite');
  fs.writeFileSync(file, '');
  t.throws(() => openSwingStoreHistory(dir), {
    code: 'ERR_SWING_STORE_OPEN',
    message: /is an SQLite database without the table kvStore/,
  });
  fs.writeFileSync(file, 'x'.repeat(5000));
  t.throws(() => openSwingStoreHistory(dir), { code: 'ERR_SWING_STORE_OPEN', message: /file is not a database/ });
});

test('results are hardened, also with require', async t => {
  t.is(createRequire(import.meta.url)('../../index.js').openSwingStoreHistory, openSwingStoreHistory);
  const { history } = await historyOf(t);
  for (const value of [history, await history.getVat('v6'), await history.replayPlan('v6'), history.readItems('v6')]) {
    t.is(harden(value), value);
    t.true(Object.isFrozen(value));
    for (const inner of Object.values(value)) t.true(Object.isFrozen(inner));
  }
  const { listVats, close } = history;
  t.is((await listVats()).length, 5);
  await close();
});

// Root has all permissions, so the call runs as another user.
const asNobody = fn => {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid(65534);
  try {
    return fn();
  } finally {
    if (isRoot) process.seteuid(0);
  }
};

(process.platform === 'linux' ? test.serial : test.skip)('a store that may not be written to', async t => {
  const dir = makeDir(t);
  await makeHistoryStore(api, dir);
  fs.chmodSync(dir, 0o555);
  t.teardown(() => fs.chmodSync(dir, 0o755));
  fs.chmodSync(path.join(dir, 'swingstore.sqlite'), 0o444);
  const history = asNobody(() => openSwingStoreHistory(dir));
  t.is((await history.listVats()).length, 5);
  await history.close();
  t.deepEqual(fs.readdirSync(dir), ['swingstore.sqlite']);
  fs.chmodSync(dir, 0o755);
  fs.writeFileSync(path.join(dir, 'swingstore.sqlite-wal'), 'x'.repeat(5000));
  fs.chmodSync(dir, 0o555);
  t.throws(() => asNobody(() => openSwingStoreHistory(dir)), {
    code: 'ERR_SWING_STORE_OPEN',
    message: /has a log beside it \(-wal\), and to read that SQLite must make a file for its index \(-shm\)/,
  });
});

test.serial('a store in use by another process', async t => {
  const dir = makeDir(t);
  await makeHistoryStore(api, dir);
  fs.chmodSync(dir, 0o755);
  const { kernelStorage, hostStorage } = openSwingStore(dir);
  kernelStorage.transcriptStore.addItem('v6', 'late');
  await hostStorage.commit();
  const history = asNobody(() => openSwingStoreHistory(dir));
  t.is((await history.getVat('v6')).items, 31);
  await history.close();
  await hostStorage.close();
});
