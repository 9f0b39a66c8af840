// The defaults and results of each tool for a store in a directory, in a process without SES and the reference. Fast, and
// locates most faults of js/tools.
import { getEventListeners } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';

import * as api from '../../index.mjs';
import { makeSmallStore } from '../support/api/small-store.mjs';
import { temporaryPaths } from '../support/common/temporary-directory.mjs';

/** A store whose vat has two historical spans, one historical snapshot, and one of each that is current. */
const makeStore = dir => makeSmallStore(api, dir, { secondRollover: 'rolloverIncarnation' });

const SPANS = ['transcript.v1.0.1', 'transcript.v1.1.2'];
const CURRENT = 'transcript.v1.2.3';

const all = async source => {
  const found = [];
  for await (const each of source) found.push(each);
  return found;
};

/** Changes a store by SQL. */
const change = async (dir, sql) => {
  const db = new api.Database(path.join(dir, 'swingstore.sqlite'));
  db.exec(sql);
  db.close();
};

const count = (dir, table) => {
  const db = new api.Database(path.join(dir, 'swingstore.sqlite'), { readonly: true });
  const found = db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
  db.close();
  return found;
};

const isHard = value =>
  Object.isFrozen(value) && Object.values(value).every(each => !(each instanceof Object) || isHard(each));

test('verify', async t => {
  const at = temporaryPaths(t, 'tools');
  await makeStore(at('store'));
  const whole = await api.verifySwingStore(at('store'));
  t.true(isHard(whole));
  t.like(whole, { ok: true, artifactMode: 'operational', blockHeight: 7, findings: [], items: 3, keys: 3 });
  t.is((await api.verifySwingStore(at('store'), { artifactMode: 'debug' })).artifactMode, 'debug');
  // What is missing only from an archive, and what only the integrity check of SQLite sees.
  await change(at('store'), 'DELETE FROM transcriptItems WHERE position = 0');
  t.true((await api.verifySwingStore(at('store'))).ok);
  t.false((await api.verifySwingStore(at('store'), { artifactMode: 'archival' })).ok);
  await change(at('store'), 'DELETE FROM transcriptItems');
  const damaged = await api.verifySwingStore(at('store'), { artifactMode: 'archival', findingsPerKind: 1 });
  t.false(damaged.ok);
  t.is(damaged.findings.length + Object.values(damaged.leftOut).reduce((sum, more) => sum + more, 0) > 1, true);
  await makeStore(at('other'));
  const file = at('other', 'swingstore.sqlite');
  const db = new api.Database(file);
  const page = db
    .prepare("SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'kvStore'")
    .pluck()
    .get();
  const size = db.pragma('page_size', { simple: true });
  db.close();
  // An index that says something else than its table.
  const bytes = fs.readFileSync(file);
  const start = bytes.indexOf('host.height', (page - 1) * size);
  t.true(start > 0 && start < page * size);
  bytes.write('hast', start);
  fs.writeFileSync(file, bytes);
  t.false((await api.verifySwingStore(at('other'))).ok);
  t.false((await api.verifySwingStore(at('other'), { integrityCheck: true })).ok);
  t.true((await api.verifySwingStore(at('other'), { integrityCheck: false })).ok);
  await t.throwsAsync(api.verifySwingStore(7), { message: 'dirPath must be a string' });
});

test('diff', async t => {
  const at = temporaryPaths(t, 'tools');
  for (const name of ['a', 'b']) await makeStore(at(name));
  const same = await api.diffSwingStores(at('a'), at('b'));
  t.true(isHard(same));
  t.like(same, { same: true, differences: [], localKeys: undefined, contents: 0 });
  await change(at('b'), "UPDATE kvStore SET value = 'changed' WHERE key = 'local.key'");
  t.true((await api.diffSwingStores(at('a'), at('b'))).same);
  t.false((await api.diffSwingStores(at('a'), at('b'), { localKeys: true })).same);
  await change(at('b'), "UPDATE transcriptItems SET item = 'changed' WHERE position = 2");
  t.true((await api.diffSwingStores(at('a'), at('b'))).same);
  t.false((await api.diffSwingStores(at('a'), at('b'), { contents: true })).same);
  await change(at('b'), "DELETE FROM kvStore WHERE key = 'key'; DELETE FROM transcriptItems WHERE position = 0");
  const { differences, leftOut } = await api.diffSwingStores(at('a'), at('b'), { limit: 1 });
  t.is(differences.length, 1);
  t.is(leftOut, 1);
  t.is((await api.diffSwingStores(at('a'), at('b'), { artifactMode: 'operational' })).differences.length, 1);
  await t.throwsAsync(api.diffSwingStores(7, at('b')), { message: 'a must be a string' });
  await t.throwsAsync(api.diffSwingStores(at('a'), 7), { message: 'b must be a string' });
});

test('archive, prune and repopulate', async t => {
  const at = temporaryPaths(t, 'tools');
  const store = at('store');
  await makeStore(store);
  const archived = await api.archiveSwingStore(store, at('archive'));
  t.like(archived, { written: 4, existing: 0, replaced: 0 });
  t.deepEqual(fs.readdirSync(at('archive')).sort(), [
    'snapshot.v1.1.gz',
    'snapshot.v1.2.gz',
    ...SPANS.map(name => `${name}.gz`),
  ]);
  t.like(await api.archiveSwingStore(store, at('archive')), { written: 0, existing: 4 });
  // What is there is looked into only if that is wanted.
  fs.writeFileSync(at('archive', `${SPANS[0]}.gz`), 'spoiled');
  t.like(await api.archiveSwingStore(store, at('archive')), { written: 0, replaced: 0, existing: 4 });
  t.like(await api.archiveSwingStore(store, at('archive'), { checkExisting: true }), { replaced: 1, existing: 3 });
  await api.archiveSwingStore(store, at('more'), { currentSpans: true, artifactMode: 'archival' });
  t.deepEqual(fs.readdirSync(at('more')).sort(), [
    'snapshot.v1.2.gz',
    ...SPANS.map(name => `${name}.gz`),
    `${CURRENT}.gz`,
  ]);

  const keep = { transcripts: 'archival', snapshots: 'operational' };
  const planned = await api.pruneSwingStore(store, { keep, dryRun: true });
  t.like(planned, { spans: 0, snapshots: 1, done: false });
  t.true(isHard(planned));
  t.is(count(store, 'snapshots WHERE compressedSnapshot IS NOT NULL'), 2);
  t.like(await api.pruneSwingStore(store, { keep }), { spans: 0, snapshots: 1, done: true });
  t.is(count(store, 'snapshots WHERE compressedSnapshot IS NOT NULL'), 1);
  t.is(count(store, 'transcriptItems'), 3);
  t.like(await api.pruneSwingStore(store, { keep: 'operational', limit: 1 }), { items: 1, done: false });
  t.like(await api.pruneSwingStore(store, { keep: 'operational', budget: 100 }), { items: 1, done: true });
  t.is(count(store, 'transcriptItems'), 1);

  const filled = await api.repopulateSwingStoreFromDirectory(at('archive'), store);
  t.true(isHard(filled));
  t.like(filled, { filled: SPANS, replaced: [], refused: [], missing: [] });
  t.is(count(store, 'snapshots WHERE compressedSnapshot IS NOT NULL'), 1);
  const more = await api.repopulateSwingStoreFromDirectory(at('archive'), store, { artifactMode: 'debug' });
  t.like(more, { filled: ['snapshot.v1.1'] });
  t.is(count(store, 'transcriptItems'), 3);
  // What is damaged stays, unless it may be replaced.
  await change(store, "UPDATE transcriptItems SET item = 'changed' WHERE position = 0");
  t.like(await api.repopulateSwingStoreFromDirectory(at('archive'), store), { filled: [], replaced: [] });
  t.like(await api.repopulateSwingStoreFromDirectory(at('archive'), store, { replaceDamaged: true }), {
    replaced: [SPANS[0]],
  });

  for (const [options, message] of [
    [undefined, /^keep must say/],
    [{}, /^keep must say/],
    [{ keep: { transcripts: 'operational' } }, /^keep must say.*\{ transcripts, snapshots \}/],
    [{ keep: { snapshots: 'operational' } }, /^keep must say.*\{ transcripts, snapshots \}/],
    [{ keep: 'most' }, /most/],
    [{ keep: null }, /null/],
    [{ keep: { transcripts: 'most', snapshots: 'debug' } }, /most/],
  ]) {
    await t.throwsAsync(api.pruneSwingStore(store, options), { message });
  }
  for (const wrong of [7, '', undefined]) {
    const message = 'dirPath must be a string';
    await t.throwsAsync(api.pruneSwingStore(wrong, { keep: 'debug' }), { message });
    await t.throwsAsync(api.reclaimSwingStoreSpace(wrong, { method: 'rewrite' }), { message });
    await t.throwsAsync(api.repopulateSwingStoreFromDirectory(at('archive'), wrong), { message });
    await t.throwsAsync(api.repopulateSwingStore({}, wrong), { message });
    await t.throwsAsync(api.repopulateSwingStoreFromDirectory(wrong, store), { message: 'directory must be a string' });
    await t.throwsAsync(api.archiveSwingStore(store, wrong), { message: 'archiveDir must be a string' });
  }
  await t.throwsAsync(api.archiveSwingStore(7, at('archive')), { message: 'dirPath must be a string' });
});

test('repopulate from an exporter', async t => {
  const at = temporaryPaths(t, 'tools');
  const store = at('store');
  await makeStore(at('whole'));
  const prune = async () => {
    await makeStore(store);
    await api.pruneSwingStore(store, { keep: 'operational' });
  };
  await prune();
  const makeExporter = () => api.makeSwingStoreExporter(at('whole'), { artifactMode: 'debug' });
  const whole = makeExporter();
  const { signal } = new AbortController();
  const filled = await api.repopulateSwingStore(whole, store, { signal });
  t.is(getEventListeners(signal, 'abort').length, 0);
  t.true(isHard(filled));
  t.like(filled, { filled: SPANS, replaced: [], refused: [], missing: [] });
  t.throws(() => whole.getHostKV('host.height'), { message: /not open/ });
  t.is(count(store, 'snapshots WHERE compressedSnapshot IS NOT NULL'), 1);
  t.like(await api.repopulateSwingStore(makeExporter(), store, { artifactMode: 'debug' }), {
    filled: ['snapshot.v1.1'],
  });

  // One that has no `close`, asks nothing of what is there, and hands out what is wrong with one artifact.
  await prune();
  const asked = [];
  const contents = { [SPANS[0]]: [Buffer.from('spoiled\n')], [SPANS[1]]: [Buffer.from('one\n')], [CURRENT]: [] };
  const exporter = {
    async *getArtifactNames() {
      yield* Object.keys(contents);
    },
    getArtifact(name) {
      asked.push(name);
      return contents[name];
    },
  };
  const report = await api.repopulateSwingStore(exporter, store);
  t.deepEqual(asked, SPANS);
  t.deepEqual(report.filled, [SPANS[1]]);
  t.is(report.refusedCount, 1);
  t.is(report.refused[0].name, SPANS[0]);
  t.deepEqual(report.missing, [SPANS[0]]);

  // What the exporter itself fails with, whatever it is.
  for (const [thrown, expected] of [
    [Object.assign(Error('no such file'), { code: 'ENOENT' }), /no such file/],
    [Object.assign(Error('no number'), { code: 7 }), /no number/],
    ['a text', /a text/],
    [{ message: 7 }, /object/],
    [undefined, /undefined/],
  ]) {
    await prune();
    contents[SPANS[0]] = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          throw thrown;
        },
      }),
    };
    const outcome = await api.repopulateSwingStore(exporter, store).then(
      ({ refused }) => refused.map(({ name, problem, reason }) => `${name} ${problem ?? reason}`).join(),
      error => `${error?.message ?? error}`,
    );
    t.regex(outcome, expected);
  }

  // A faulty artifact is refused before its stream ends.
  await prune();
  let chunks = 0;
  contents[SPANS[0]] = (function* () {
    for (; chunks < 1000; chunks += 1) yield Buffer.from('spoiled\n'.repeat(8192));
  })();
  t.like(await api.repopulateSwingStore(exporter, store), { refusedCount: 1 });
  t.true(chunks < 200, `${chunks} chunks of 64 KiB were read`);

  // If the store itself fails, so does the call, even if the store would take the next artifact.
  contents[SPANS[0]] = (async function* () {
    await change(store, 'ALTER TABLE transcriptItems RENAME TO moved');
    yield Buffer.from('zero\n');
  })();
  exporter.getArtifactNames = async function* () {
    yield SPANS[0];
    await change(store, 'ALTER TABLE moved RENAME TO transcriptItems');
    yield SPANS[1];
  };
  await t.throwsAsync(api.repopulateSwingStore(exporter, store), { message: /transcriptItems/ });

  const failure = Error('the exporter failed');
  await prune();
  exporter.getArtifactNames = async function* () {
    yield SPANS[1];
    throw failure;
  };
  t.is(await t.throwsAsync(api.repopulateSwingStore(exporter, store)), failure);

  // An exporter that never answers is left.
  const controller = new AbortController();
  const reason = Error('enough');
  exporter.getArtifactNames = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) });
  const work = api.repopulateSwingStore(exporter, store, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 50);
  t.is(await t.throwsAsync(work), reason);
  // Nothing listens to the signal any more.
  t.is(getEventListeners(controller.signal, 'abort').length, 0);
  // The store is free again.
  const { hostStorage } = api.initSwingStore(store);
  await hostStorage.close();
});

test('reclaim', async t => {
  const at = temporaryPaths(t, 'tools');
  const store = at('store');
  await makeStore(store);
  const grow = async () => {
    const { hostStorage } = api.openSwingStore(store);
    for (let i = 0; i < 50; i += 1) hostStorage.kvStore.set(`host.${i}`, 'x'.repeat(5000));
    await hostStorage.commit();
    for (let i = 0; i < 50; i += 1) hostStorage.kvStore.delete(`host.${i}`);
    await hostStorage.commit();
    await hostStorage.close();
  };
  await grow();
  const size = () => fs.statSync(path.join(store, 'swingstore.sqlite')).size;
  const large = size();
  for (const options of [
    { dryRun: true },
    { dryRun: true, method: 'rewrite' },
    { dryRun: true, method: 'incremental' },
  ]) {
    const planned = await api.reclaimSwingStoreSpace(store, options);
    t.true(isHard(planned));
    t.is(size(), large);
  }
  const { before, after } = await api.reclaimSwingStoreSpace(store, { method: 'rewrite' });
  t.is(before.fileBytes, large);
  t.true(size() < large - 100_000);
  t.is(after.fileBytes, size());
  await grow();
  for (const [options, found] of [
    [undefined, 'undefined'],
    [{}, 'undefined'],
    [{ dryRun: false }, 'undefined'],
    [{ method: 'other' }, 'other'],
    [{ method: 'other', dryRun: true }, 'other'],
    [{ method: null, dryRun: true }, 'null'],
  ]) {
    await t.throwsAsync(api.reclaimSwingStoreSpace(store, options), {
      message: new RegExp(`^invalid method .*${found}`),
    });
  }
});

test('history', async t => {
  const at = temporaryPaths(t, 'tools');
  await makeStore(at('store'));
  const history = api.openSwingStoreHistory(at('store'));
  t.true(Object.isFrozen(history));
  const vats = await history.listVats();
  t.true(isHard(vats));
  t.like(vats[0], { vatID: 'v1', incarnation: 1, items: 3, spans: 3, snapshots: 2, populatedSnapshots: 2 });
  t.deepEqual(await history.getVat('v1'), vats[0]);
  // Sizes are measured only on request; known sizes are always reported.
  const added = async (ask, ...args) => {
    const fresh = api.openSwingStoreHistory(at('store'));
    const plain = JSON.stringify(await fresh[ask](...args));
    const sized = JSON.stringify(await fresh[ask](...args, { sizes: true }));
    await fresh.close();
    return plain.length < sized.length;
  };
  t.true(await added('listVats'));
  for (const ask of ['getVat', 'listIncarnations', 'listSpans', 'replayPlan']) t.true(await added(ask, 'v1'), ask);
  t.deepEqual(
    (await history.listIncarnations('v1')).map(({ incarnation, endPos }) => [incarnation, endPos]),
    [
      [0, 2],
      [1, 3],
    ],
  );
  t.deepEqual(
    (await history.listSpans('v1')).map(({ artifact }) => artifact),
    [...SPANS, CURRENT],
  );
  t.is((await history.listPseudoDeliveries('v1')).length, 3);
  t.is((await history.listSnapshots()).length, 2);
  t.is((await history.listSnapshots('v1')).length, 2);
  t.is((await history.listSnapshots('v2')).length, 0);
  t.deepEqual(await history.listBundles(), []);
  t.is(await history.getBlockHeight(), 7);
  t.like(await history.replayPlan('v1'), { incarnation: 1, from: 'start' });
  t.like(await history.replayPlan('v1', { incarnation: 0 }), { incarnation: 0, from: 'start' });
  t.like(await history.replayPlan('v1', { from: 'snapshot' }), { incarnation: 1, from: 'snapshot' });
  t.like(await history.replayPlan('v1', { from: 'start' }), { from: 'start' });

  const items = ['zero', 'one', 'two'].map((item, position) => ({
    position,
    incarnation: position === 2 ? 1 : 0,
    item,
  }));
  t.deepEqual(await history.readItem('v1', 1), items[1]);
  t.deepEqual(await all(history.readItems('v1')), items);
  t.deepEqual(await all(history.readItems('v1', { start: 1 })), items.slice(1));
  t.deepEqual(await all(history.readItems('v1', { end: 1 })), items.slice(0, 1));
  t.deepEqual(await all(history.readSpan('v1', 1)), items.slice(1, 2));
  t.deepEqual(await all(history.readIncarnation('v1', 0)), items.slice(0, 2));
  t.true(Object.isFrozen(history.readItems('v1')));

  for (const ask of ['getVat', 'listIncarnations', 'listSpans', 'listPseudoDeliveries', 'replayPlan']) {
    await t.throwsAsync(history[ask](7), { message: 'vatID must be a string' }, ask);
  }
  await t.throwsAsync(history.listSnapshots(7), { message: 'vatID must be a string' });
  await t.throwsAsync(history.readItem(7, 0), { message: 'vatID must be a string' });
  await t.throwsAsync(history.readItem('v1', '0'), { message: 'position must be a number' });
  await t.throwsAsync(history.replayPlan('v1', { from: 'end' }), { message: /^invalid from "end"/ });
  for (const ask of ['readItems', 'readSpan', 'readIncarnation']) {
    t.throws(() => history[ask](7, ask === 'readItems' ? {} : 0), { message: 'vatID must be a string' });
  }
  await t.throwsAsync(history.getBlockHeight({}), { message: /takes no options/ });
  await t.throwsAsync(history.readItem('v1', 0, {}), { message: /takes no options/ });
  t.throws(() => api.openSwingStoreHistory(7), { message: 'dirPath must be a string' });
  t.throws(() => api.openSwingStoreHistory(at('store'), { from: '/a' }), { message: /has no option "from"/ });

  // Once it is closed, nothing is given out any more.
  const reading = history.readItems('v1');
  await reading.next();
  await history.close();
  await t.throwsAsync(reading.next(), { message: /not open|closed/ });
  await t.throwsAsync(history.listVats(), { message: /not open|closed/ });
});

test('missing items', async t => {
  const at = temporaryPaths(t, 'tools');
  await makeStore(at('store'));
  await change(at('store'), 'DELETE FROM transcriptItems WHERE position = 0');
  const history = api.openSwingStoreHistory(at('store'));
  for (const read of [
    options => history.readItems('v1', options),
    options => history.readSpan('v1', 0, options),
    options => history.readIncarnation('v1', 0, options),
  ]) {
    for (const options of [undefined, {}, { skipMissing: false }]) {
      await t.throwsAsync(all(read(options)), { message: /0/ });
    }
    const [first] = await all(read({ skipMissing: true }));
    t.true(first === undefined || first.item === null || first.position === 1);
  }
  await t.throwsAsync(history.readItem('v1', 0), { message: /0/ });
  await history.close();
});
