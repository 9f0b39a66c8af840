// The history of complete, pruned and damaged stores.
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import * as api from '../../index.mjs';
import { bundles } from '../support/common/bundles.mjs';
import { items, makeHistoryStore, workerOptions } from '../support/common/history-store.mjs';

const { openSwingStoreHistory } = api;

const [lockdown, code] = [bundles.b0a.id, bundles.b1a.id];

/** Opens the history of a new store, optionally after damaging the store by SQL. */
const historyOf = async (t, { sql, options } = {}) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-history-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  await makeHistoryStore(api, dir, options, sql);
  const history = openSwingStoreHistory(dir);
  t.teardown(() => history.close().catch(() => {}));
  return { history, dir };
};

const pick = (all, ...names) => all.map(one => names.map(name => one[name]));

test('vats', async t => {
  const { history } = await historyOf(t);
  const vats = await history.listVats();
  const names = [
    'vatID',
    'name',
    'kind',
    'state',
    'inKernel',
    'incarnation',
    'incarnations',
    'spans',
    'items',
    'endPos',
  ];
  t.deepEqual(pick(vats, ...names), [
    ['v1', 'bootstrap', 'static', 'live', true, 0, 1, 3, 12, 12],
    ['v3', 'comms', 'static', 'live', true, 0, 1, 1, 0, 0],
    ['v6', 'name of v6', 'dynamic', 'live', true, 2, 3, 7, 30, 30],
    ['v9', 'name of v9', 'dynamic', 'terminated', true, 0, 1, 2, 5, 5],
    ['v10', null, null, 'gone', false, 0, 1, 2, 5, 5],
  ]);
  t.deepEqual(pick(vats, 'snapshots', 'populatedSnapshots'), [
    [2, 2],
    [0, 0],
    [4, 4],
    [1, 1],
    [1, 1],
  ]);
  t.deepEqual(vats[2].source, { bundleID: code });
  t.deepEqual(vats[2].options, { workerOptions, name: 'name of v6' });
  t.is(vats[4].options, null);
  for (const vat of vats) {
    t.false('bytes' in vat);
    t.deepEqual(await history.getVat(vat.vatID), vat);
  }
  t.true(Object.isFrozen(vats) && Object.isFrozen(vats[2].options.workerOptions.bundleIDs));
  t.is(await history.getBlockHeight(), 7);
});

test('incarnations, spans, snapshots and bundles', async t => {
  const { history } = await historyOf(t);
  const [first, second, third, ...more] = await history.listIncarnations('v6');
  t.deepEqual(more, []);
  const began = { kind: 'initialize-worker', bundleID: code, workerOptions };
  const ended = { kind: 'shutdown-worker' };
  const counts = (spans, n) => ({ spans, populatedSpans: spans, items: n, complete: true, began });
  t.deepEqual(first, { incarnation: 0, startPos: 0, endPos: 9, isCurrent: false, ...counts(2, 9), ended });
  t.deepEqual(second, { incarnation: 1, startPos: 9, endPos: 19, isCurrent: false, ...counts(2, 10), ended });
  t.deepEqual(third, { incarnation: 2, startPos: 19, endPos: 30, isCurrent: true, ...counts(3, 11), ended: null });

  const spans = await history.listSpans('v6');
  t.deepEqual(pick(spans, 'artifact', 'items', 'populated', 'isCurrent', 'incarnation'), [
    ['transcript.v6.0.4', 4, 'all', false, 0],
    ['transcript.v6.4.9', 5, 'all', false, 0],
    ['transcript.v6.9.13', 4, 'all', false, 1],
    ['transcript.v6.13.19', 6, 'all', false, 1],
    ['transcript.v6.19.22', 3, 'all', false, 2],
    ['transcript.v6.22.26', 4, 'all', false, 2],
    ['transcript.v6.26.30', 4, 'all', true, 2],
  ]);
  t.deepEqual((await history.listIncarnations('v3'))[0].began, null);
  t.deepEqual((await history.listSpans('v3'))[0].populated, 'all');

  const snapshots = await history.listSnapshots('v6');
  t.deepEqual(pick(snapshots, 'artifact', 'inUse', 'populated'), [
    ['snapshot.v6.3', false, 'all'],
    ['snapshot.v6.12', false, 'all'],
    ['snapshot.v6.21', false, 'all'],
    ['snapshot.v6.25', true, 'all'],
  ]);
  t.is((await history.listSnapshots()).length, 8);
  t.deepEqual(await history.listSnapshots('v99'), []);

  const [script, archive] = await history.listBundles();
  t.like(script, { bundleID: lockdown, storedIn: 'bundleStore', names: [], artifact: `bundle.${lockdown}` });
  t.like(archive, { bundleID: code, storedIn: 'bundleStore', names: ['contract'], bytes: bundles.b1a.bytes.length });
});

test('pseudo-deliveries', async t => {
  const { history } = await historyOf(t);
  const hashes = (await history.listSnapshots('v6')).map(({ hash }) => hash);
  const initialize = { kind: 'initialize-worker', bundleID: code, workerOptions };
  const at = (position, incarnation, spanStart, entry) => ({ position, incarnation, spanStart, ...entry });
  const save = i => ({ kind: 'save-snapshot', snapshotID: hashes[i] });
  const load = i => ({ kind: 'load-snapshot', snapshotID: hashes[i] });
  t.deepEqual(await history.listPseudoDeliveries('v6'), [
    at(0, 0, 0, initialize),
    at(3, 0, 0, save(0)),
    at(4, 0, 4, load(0)),
    at(8, 0, 4, { kind: 'shutdown-worker' }),
    at(9, 1, 9, initialize),
    at(12, 1, 9, save(1)),
    at(13, 1, 13, load(1)),
    at(18, 1, 13, { kind: 'shutdown-worker' }),
    at(19, 2, 19, initialize),
    at(21, 2, 19, save(2)),
    at(22, 2, 22, load(2)),
    at(25, 2, 22, save(3)),
    at(26, 2, 26, load(3)),
  ]);
  t.deepEqual(await history.listPseudoDeliveries('v3'), []);
});

test('malformed and missing items are reported with their positions', async t => {
  const odd = {
    0: 'not json',
    3: '{"d":"save-snapshot"}',
    4: items.message('where a load-snapshot should be'),
    9: '{"d":["initialize-worker",{}],"sc":[],"r":{}}',
    12: '{"d":["save-snapshot"],"sc":[],"r":{"status":"ok"}}',
    13: '\ud800',
    19: `{"d":["load-snapshot",{"snapshotID":"00"}],"pad":"${'x'.repeat(2_000_000)}"}`,
    26: '{"d":["message',
  };
  const statements = Object.entries(odd).map(
    ([position, text]) => `UPDATE transcriptItems SET item = '${text}' WHERE vatID = 'v6' AND position = ${position};`,
  );
  statements.push("DELETE FROM transcriptItems WHERE vatID = 'v6' AND position IN (22, 25);");
  statements.push("UPDATE transcriptItems SET item = NULL WHERE vatID = 'v6' AND position = 21;");
  const { history } = await historyOf(t, { sql: statements.join('\n') });
  const found = await history.listPseudoDeliveries('v6');
  const problems = found.map(({ position, kind, problem, artifact, delivery }) => [
    position,
    kind,
    problem ?? artifact ?? delivery,
  ]);
  t.deepEqual(problems, [
    [0, 'unknown', 'it is not JSON'],
    [3, 'unknown', 'it has no delivery: its d is not an array'],
    [4, 'delivery', 'message'],
    [8, 'shutdown-worker', undefined],
    [9, 'unknown', 'its initialize-worker has no workerOptions'],
    [12, 'unknown', 'its save-snapshot has no snapshotID in its result'],
    [13, 'unknown', 'it is not JSON'],
    [18, 'shutdown-worker', undefined],
    [19, 'unknown', 'it has 2000052 bytes, which is too long to parse'],
    [21, 'unknown', 'it has no text'],
    [22, 'pruned', 'transcript.v6.22.26'],
    [25, 'pruned', 'transcript.v6.22.26'],
    [26, 'unknown', 'it is not JSON'],
  ]);
  const plan = await history.replayPlan('v6', { incarnation: 0 });
  t.false(plan.complete);
  t.deepEqual(plan.start, { kind: 'unknown', position: 0 });
  t.deepEqual(plan.problems, ['the item at 0 should say what the worker is started from: it is not JSON']);
});

test('sizes are those of the items in bytes', async t => {
  const { history, dir } = await historyOf(t);
  const exporter = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  const sizes = {};
  for await (const name of exporter.getArtifactNames()) {
    if (!name.startsWith('transcript.')) continue;
    const [, vatID, start, end] = name.split('.');
    let bytes = 0;
    for await (const chunk of exporter.getArtifact(name)) bytes += chunk.length;
    sizes[name] = bytes - (end - start);
    sizes[vatID] = (sizes[vatID] ?? 0) + sizes[name];
  }
  await exporter.close();
  const reports = [];
  const one = await history.listSpans('v6', { sizes: true, onProgress: report => reports.push(report) });
  for (const { artifact, bytes } of one) t.is(bytes, sizes[artifact]);
  t.is(reports.at(-1).stage, 'done');
  t.is(reports.at(-1).bytes, sizes.v6);
  t.is(reports.at(-1).done, reports.at(-1).total);
  // The sizes of other vats are not known yet.
  t.deepEqual(
    (await history.listVats()).map(({ bytes }) => bytes),
    [undefined, undefined, sizes.v6, undefined, undefined],
  );
  for (const { vatID, bytes } of await history.listVats({ sizes: true })) t.is(bytes, sizes[vatID]);
  for (const { artifact, bytes } of await history.listSpans('v1')) t.is(bytes, sizes[artifact]);
  const incarnations = await history.listIncarnations('v6');
  t.is(
    incarnations.map(({ bytes }) => bytes).reduce((a, b) => a + b),
    sizes.v6,
  );
});

test('a plan of each incarnation', async t => {
  const { history } = await historyOf(t);
  const snapshots = await history.listSnapshots('v6');
  const plan = await history.replayPlan('v6', { incarnation: 1 });
  t.like(plan, {
    vatID: 'v6',
    incarnation: 1,
    isCurrent: false,
    from: 'start',
    startPos: 9,
    endPos: 19,
    complete: true,
  });
  t.deepEqual(plan.start, {
    kind: 'initialize-worker',
    position: 9,
    bundleID: code,
    workerOptions,
    learnedFrom: 'transcript',
  });
  t.deepEqual(pick(plan.bundles, 'bundleID', 'role', 'storedIn'), [
    [lockdown, 'worker', 'bundleStore'],
    [code, 'vat', 'bundleStore'],
  ]);
  t.deepEqual(pick(plan.spans, 'artifact', 'bytes'), [
    ['transcript.v6.9.13', undefined],
    ['transcript.v6.13.19', undefined],
  ]);
  t.deepEqual(plan.checkpoints, [{ position: 12, snapshotID: snapshots[1].hash }]);
  t.deepEqual([plan.snapshots, plan.missing, plan.problems], [[], [], []]);

  t.like(await history.replayPlan('v6'), { incarnation: 2, isCurrent: true, startPos: 19, endPos: 30, complete: true });
  const late = await history.replayPlan('v6', { from: 'snapshot' });
  t.like(late, { from: 'snapshot', startPos: 26, endPos: 30, complete: true, bundles: [], checkpoints: [] });
  t.deepEqual(late.start, {
    kind: 'load-snapshot',
    position: 26,
    snapshotID: snapshots[3].hash,
    learnedFrom: 'transcript',
  });
  t.deepEqual(late.snapshots, [snapshots[3]]);
  // For a vat without items, the plan uses the kernel's keys.
  t.like(await history.replayPlan('v3', { from: 'snapshot' }), {
    start: { kind: 'initialize-worker', position: 0, bundleID: code, learnedFrom: 'kvStore' },
    startPos: 0,
    endPos: 0,
    complete: true,
  });
});

test('a plan of a pruned incarnation lists what is missing', async t => {
  const { history } = await historyOf(t, { options: { keepSnapshots: false, keepTranscripts: false } });
  t.deepEqual(pick(await history.listSpans('v6'), 'items', 'populated'), [...Array(6).fill([0, 'none']), [4, 'all']]);
  t.deepEqual(pick(await history.listIncarnations('v6'), 'complete', 'populatedSpans'), [
    [false, 0],
    [false, 0],
    [false, 1],
  ]);
  const transcript = name => ({ kind: 'transcript', artifact: `transcript.${name}` });
  const current = await history.replayPlan('v6');
  t.deepEqual(current.missing, [transcript('v6.19.22'), transcript('v6.22.26')]);
  t.like(current, { complete: false, problems: [], start: { bundleID: code, learnedFrom: 'kvStore', position: 19 } });
  t.is(current.bundles.length, 2);

  const first = await history.replayPlan('v6', { incarnation: 0 });
  t.deepEqual(first.missing, [transcript('v6.0.4'), transcript('v6.4.9')]);
  t.deepEqual(first.start, { kind: 'unknown', position: 0 });
  t.deepEqual(first.problems, [
    'the item at 0 should say what the worker is started from: it was pruned; the artifact transcript.v6.0.4 contains it',
  ]);
  // The snapshot's record still has its hash.
  const late = await history.replayPlan('v6', { incarnation: 0, from: 'snapshot' });
  t.like(late.start, { kind: 'load-snapshot', position: 4, learnedFrom: 'snapshots' });
  t.deepEqual(late.missing, [{ kind: 'snapshot', artifact: 'snapshot.v6.3' }, transcript('v6.4.9')]);
  t.deepEqual(late.problems, []);
  // A replay from the last snapshot, as a kernel does it, lacks nothing.
  t.true((await history.replayPlan('v6', { from: 'snapshot' })).complete);
});

test('pruned bundles, and bundles in the key-value store', async t => {
  const sql = `UPDATE bundles SET bundle = NULL WHERE bundleID = '${code}';
    DELETE FROM bundles WHERE bundleID = '${lockdown}';
    INSERT INTO kvStore VALUES ('bundle.${lockdown}', '{"moduleFormat":"nestedEvaluate"}')`;
  const { history } = await historyOf(t, { sql });
  t.deepEqual(pick(await history.listBundles(), 'bundleID', 'storedIn', 'bytes'), [
    [lockdown, 'kvStore', 33],
    [code, null, null],
  ]);
  const plan = await history.replayPlan('v1');
  t.deepEqual(plan.missing, [{ kind: 'bundle', artifact: `bundle.${code}` }]);
  t.is(plan.bundles[0].storedIn, 'kvStore');
});

test('contradicting records', async t => {
  const sql = `DELETE FROM transcriptSpans WHERE vatID = 'v1' AND startPos = 5;
    DELETE FROM transcriptSpans WHERE vatID = 'v6' AND startPos = 9;
    UPDATE snapshots SET hash = 'other' WHERE vatID = 'v6' AND snapPos = 25;
    UPDATE kvStore SET value = '{' WHERE key IN ('vats.terminated', 'v6.options', 'v6.source');
    INSERT INTO transcriptItems VALUES ('v7', 0, 'of no span', 0);
    INSERT INTO transcriptSpans VALUES ('v8', 9, 3, 'backwards', NULL, 0)`;
  const { history } = await historyOf(t, { sql });
  t.deepEqual((await history.replayPlan('v1')).problems, [
    'the records of spans are missing: one ends at 5, the next one starts at 10',
  ]);
  t.deepEqual((await history.replayPlan('v6', { incarnation: 1 })).problems, [
    "the records of the incarnation's first spans are missing: they should start at 9, and start at 13",
    'the item at 13 should say what the worker is started from: it is a load-snapshot',
  ]);
  const [problem] = (await history.replayPlan('v6', { from: 'snapshot' })).problems;
  t.regex(problem, /^the store has no record of the snapshot [0-9a-f]{64}, which would be v6's at 25$/);
  const vats = await history.listVats({ sizes: true });
  t.deepEqual(pick(vats, 'vatID', 'state'), [
    ['v1', 'live'],
    ['v3', 'live'],
    ['v6', 'live'],
    ['v8', 'gone'],
    ['v9', 'gone'],
    ['v10', 'gone'],
  ]);
  t.is(vats[2].options, null);
  t.deepEqual(await history.listPseudoDeliveries('v8'), []);
  t.false((await history.listIncarnations('v1'))[0].complete);
});

test('rows that no store writes', async t => {
  const sql = `INSERT INTO transcriptSpans VALUES ('v7', -9223372036854775808, 9223372036854775807, 'all', NULL, 0);
    INSERT INTO transcriptItems VALUES ('v7', -9223372036854775808, x'ff00', 0), ('v7', 9223372036854775807, '{}', 0);
    INSERT INTO snapshots VALUES ('v7', 9223372036854775807, NULL, 'hash', -1, 9223372036854775807, x'00');
    INSERT INTO snapshots VALUES ('v7', 0, NULL, 'hash', -1, 9223372036854775807, x'00')`;
  const { history } = await historyOf(t, { sql });
  const [v7] = (await history.listVats({ sizes: true })).filter(({ vatID }) => vatID === 'v7');
  t.like(v7, { state: 'gone', items: 1, spans: 1, populatedSpans: 0 });
  t.deepEqual(pick(await history.listPseudoDeliveries('v7'), 'kind'), [['unknown'], ['pruned']]);
  t.false((await history.replayPlan('v7', { incarnation: 0, from: 'snapshot' })).complete);
  const there = [];
  for await (const item of history.readItems('v7', { skipMissing: true })) there.push(item);
  t.is(there.length, 1);
  await t.throwsAsync(history.readIncarnation('v7', 0).next(), { code: 'ERR_SWING_STORE_INCOMPLETE' });

  // An unreadable record is an error, which affects only queries about its vat and about all vats.
  for (const [damage, ask] of [
    ["UPDATE transcriptSpans SET endPos = 'x' WHERE vatID = 'v6' AND startPos = 4", 'listSpans'],
    ["UPDATE transcriptSpans SET hash = NULL WHERE vatID = 'v6' AND startPos = 4", 'listIncarnations'],
    ["UPDATE snapshots SET snapPos = 'x' WHERE vatID = 'v6' AND snapPos = 3", 'listSnapshots'],
  ]) {
    const { history: damaged } = await historyOf(t, { sql: damage });
    const invalid = {
      code: 'ERR_SWING_STORE_INVALID',
      message: /the database holds a value that no swing-store writes/,
    };
    await t.throwsAsync(damaged[ask]('v6'), invalid);
    await t.throwsAsync(damaged.listVats(), invalid);
    await damaged.getVat('v1');
  }
});

test('queries without a result', async t => {
  const { history } = await historyOf(t);
  const notFound = message => ({ code: 'ERR_SWING_STORE_NOT_FOUND', message });
  for (const ask of ['getVat', 'listIncarnations', 'listSpans', 'listPseudoDeliveries', 'replayPlan']) {
    await t.throwsAsync(history[ask]('v99'), notFound('the store has no transcript of a vat "v99"'));
    await t.throwsAsync(history[ask](7), { message: 'vatID must be a string' });
    await t.throwsAsync(history[ask]('v6', { onProgress: 7 }), { message: 'onProgress must be a function' });
    await t.throwsAsync(history[ask]('v6', { signal: AbortSignal.abort() }), { name: 'AbortError', any: true });
    await t.throwsAsync(history[ask]('v6', null), { message: /must be a plain object/ });
  }
  await t.throwsAsync(
    history.replayPlan('v6', { incarnation: 3 }),
    notFound('vat "v6" has no incarnation 3: the store has 0 to 2 (the first incarnation is 0)'),
  );
  await t.throwsAsync(history.replayPlan('v9'), notFound('vat "v9" has no current span: name an incarnation'));
  t.true((await history.replayPlan('v9', { incarnation: 0 })).complete);
  await t.throwsAsync(history.replayPlan('v6', { incarnation: 0.5 }), { message: /must be a whole number, not 0.5/ });
  await t.throwsAsync(history.replayPlan('v6', { incarnation: '1' }), { message: 'incarnation must be a number' });
  await t.throwsAsync(history.replayPlan('v6', { from: 'end' }), { message: /^invalid from "end"/ });
  const failure = new Error('of a reporter');
  const onProgress = () => {
    throw failure;
  };
  t.is(await t.throwsAsync(history.listVats({ onProgress })), failure);
});
