// Compressed history: this package and the reference use a compacted store in turns, and nothing that they export differs
// from a store that was not compacted.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';

import { exportedByReference } from '../support/tools/artifacts.mjs';
import { makeAsKernel } from '../support/tools/kernel-like-store.mjs';
import { runCli, runJson } from '../support/common/cli.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { readTables } from '../support/common/observe.mjs';
import { temporaryPaths } from '../support/common/temporary-directory.mjs';

const {
  compactSwingStore,
  expandSwingStore,
  exportSwingStoreToDirectory,
  openSwingStore,
  openSwingStoreHistory,
  pruneSwingStore,
  verifySwingStore,
} = subject.api;

const FILE = 'swingstore.sqlite';

/** Everything that an implementation exports of a store. */
const exportedBy = async ({ api }, dir) => {
  const exporter = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  const found = { data: [] };
  for await (const record of exporter.getExportData()) found.data.push(record);
  for await (const name of exporter.getArtifactNames()) {
    const chunks = [];
    for await (const chunk of exporter.getArtifact(name)) chunks.push(chunk);
    found[name] = Buffer.concat(chunks).toString('latin1');
  }
  await exporter.close();
  return found;
};

const tablesOf = async dir => {
  const { hostStorage, debug } = openSwingStore(dir);
  const tables = readTables(debug.getDatabase());
  await hostStorage.close();
  return tables;
};

/** What a kernel does to some vats of the store: items, rollovers, an upgrade, and a termination in steps. */
const runBlocks = async ({ api }, dir, round) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(dir);
  const { transcriptStore } = kernelStorage;
  const add = async (vatID, count) => {
    for (let i = 0; i < count; i += 1) transcriptStore.addItem(vatID, `{"d":["message",${round},${i}],"r":"${vatID}"}`);
    await hostStorage.commit();
  };
  await add('v1', 5);
  await transcriptStore.rolloverSpan('v1');
  await add('v1', 3);
  await add('v2', 4);
  await transcriptStore.rolloverIncarnation('v2');
  await add('v2', 2);
  // The vat that is terminated is also created again, with other items.
  if (round > 0) await transcriptStore.stopUsingTranscript('v3');
  for (let step = 0; step < 3 + 9 * round; step += 1) {
    transcriptStore.deleteVatTranscripts('v4', 1);
    if (round > 0) transcriptStore.deleteVatTranscripts('v3', 1);
    await hostStorage.commit();
  }
  if (round > 0) {
    for (const vatID of ['v3', 'v4']) {
      transcriptStore.initTranscript(vatID);
      await add(vatID, 7);
      await transcriptStore.rolloverSpan(vatID);
      await add(vatID, 2);
    }
  }
  await hostStorage.close();
};

test('a compacted store opens read-only, and keeps its stale frames', async t => {
  const at = temporaryPaths(t, 'compact');
  await makeAsKernel(subject.api, at('store'));
  const { debug: before, hostStorage: closing } = openSwingStore(at('store'));
  const items = before.dump().transcripts;
  await closing.close();
  await compactSwingStore(at('store'));
  // The reference deletes a record of a span, and does not know its frame.
  const { hostStorage, kernelStorage } = reference.api.openSwingStore(at('store'));
  await kernelStorage.transcriptStore.deleteVatTranscripts('v1');
  await hostStorage.commit();
  await hostStorage.close();
  const stale = async () => {
    const { findings } = await verifySwingStore(at('store'), { artifactMode: 'operational' });
    return findings.filter(({ kind }) => kind === 'frame-stale').length;
  };
  const found = await stale();
  t.true(found > 0);
  const opened = openSwingStore(at('store'), { readonly: true });
  const { v1, ...others } = items;
  t.true(Object.keys(v1).length > 0);
  t.deepEqual(opened.debug.dump().transcripts, others);
  await opened.hostStorage.close();
  t.is(await stale(), found);
  await openSwingStore(at('store')).hostStorage.close();
  t.is(await stale(), 0);
});

test('the reference and this package use a compacted store in turns', async t => {
  const at = temporaryPaths(t, 'compact');
  await makeAsKernel(reference.api, at('rows'));
  fs.cpSync(at('rows'), at('compacted'), { recursive: true });
  const begun = await compactSwingStore(at('compacted'));
  t.like(begun, { incomplete: 0, damagedCount: 0, done: true });
  t.true(begun.spans > 10);
  let round = 0;
  for (const kernel of [reference, subject, reference, reference, subject]) {
    await runBlocks(kernel, at('rows'), round);
    await runBlocks(kernel, at('compacted'), round);
    const expected = await exportedBy(reference, at('rows'));
    t.deepEqual(await exportedBy(subject, at('compacted')), expected, `round ${round}`);
    const { findings } = await verifySwingStore(at('compacted'), { artifactMode: 'archival' });
    const other = findings.filter(({ kind }) => kind !== 'frame-stale');
    t.deepEqual(other, (await verifySwingStore(at('rows'), { artifactMode: 'archival' })).findings);
    // The reference does not delete frames. This package does when it opens the store.
    if (kernel === subject) t.deepEqual(findings, other);
    // To the reference, compressed spans are pruned.
    const seen = await exportedBy(reference, at('compacted'));
    t.deepEqual(seen.data, expected.data);
    t.true(Object.keys(seen).length < Object.keys(expected).length);
    for (const [name, content] of Object.entries(seen)) t.deepEqual(content, expected[name], name);
    if (round % 2) await compactSwingStore(at('compacted'));
    round += 1;
  }
  t.true((await expandSwingStore(at('compacted'))).done);
  t.deepEqual(await tablesOf(at('compacted')), await tablesOf(at('rows')));
  t.deepEqual(await exportedByReference(at('compacted'), 'debug'), await exportedByReference(at('rows'), 'debug'));
});

test('what was compressed is imported, archived, pruned and read as rows are', async t => {
  const at = temporaryPaths(t, 'compact');
  await makeAsKernel(subject.api, at('rows'), { keepSnapshots: true });
  fs.cpSync(at('rows'), at('compacted'), { recursive: true });
  await compactSwingStore(at('compacted'));
  for (const artifactMode of ['operational', 'replay', 'archival', 'debug']) {
    await exportSwingStoreToDirectory(at('rows'), at('a'), { artifactMode });
    await exportSwingStoreToDirectory(at('compacted'), at('b'), { artifactMode });
    t.deepEqual(fs.readdirSync(at('a')), fs.readdirSync(at('b')));
    for (const name of fs.readdirSync(at('a')))
      t.deepEqual(fs.readFileSync(at('b', name)), fs.readFileSync(at('a', name)));
    fs.rmSync(at('a'), { recursive: true });
    fs.rmSync(at('b'), { recursive: true });
  }
  const historyOf = async dir => {
    const history = openSwingStoreHistory(dir);
    const found = [await history.listVats(), await history.replayPlan('v1')];
    for (const vatID of ['v1', 'v2', 'v3']) {
      found.push(await history.listSpans(vatID), await history.listPseudoDeliveries(vatID));
      for await (const item of history.readItems(vatID)) found.push(item);
    }
    await history.close();
    return found;
  };
  t.deepEqual(await historyOf(at('compacted')), await historyOf(at('rows')));

  // A span that has items cannot be imported again.
  for (const dir of ['rows', 'compacted']) {
    const { internal, kernelStorage, hostStorage } = openSwingStore(at(dir));
    const items = [...kernelStorage.transcriptStore.readSpan('v1', 0)].map(item => `${item}\n`);
    const chunks = async function* chunks() {
      yield Buffer.from(items.join(''));
    };
    const name = 'transcript.v1.0.6';
    const again = internal.transcriptStore.populateTranscriptSpan(name, chunks, { artifactMode: 'debug' });
    await t.throwsAsync(again, { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }, dir);
    await hostStorage.close();
  }
  t.deepEqual(await exportedBy(subject, at('compacted')), await exportedBy(reference, at('rows')));
  await compactSwingStore(at('compacted'));
  const keep = 'replay';
  const pruned = await pruneSwingStore(at('rows'), { keep });
  const { spans, items } = await pruneSwingStore(at('compacted'), { keep });
  t.deepEqual([spans, items], [pruned.spans, pruned.items]);
  t.deepEqual(await exportedBy(subject, at('compacted')), await exportedBy(reference, at('rows')));
});

test('kept transcripts of a compacted store end with their span', async t => {
  const at = temporaryPaths(t, 'compact');
  await makeAsKernel(subject.api, at('store'));
  await compactSwingStore(at('store'));
  const { kernelStorage, hostStorage } = openSwingStore(at('store'), { keepTranscripts: false });
  const { transcriptStore } = kernelStorage;
  const [first] = transcriptStore.readSpan('v1', 0);
  await transcriptStore.rolloverSpan('v1');
  t.deepEqual([...transcriptStore.readSpan('v1', 0)][0], first);
  await hostStorage.commit();
  await hostStorage.close();
});

test('a host compresses history between its blocks', async t => {
  const at = temporaryPaths(t, 'compact');
  await makeAsKernel(subject.api, at('store'));
  const expected = await exportedBy(reference, at('store'));
  const { kernelStorage, hostStorage } = openSwingStore(at('store'));
  let calls = 0;
  const begun = await hostStorage.compactHistory(() => {
    calls += 1;
    return calls <= 2;
  });
  t.like(begun, { done: false, incomplete: 0, damaged: [] });
  t.true(Object.isFrozen(begun));
  t.is(calls, 3);
  const rest = await hostStorage.compactHistory();
  t.true(rest.done);
  t.true(begun.spans + rest.spans > 10);
  t.deepEqual(await exportedBy(subject, at('store')), expected);
  t.like(await hostStorage.compactHistory(), { done: true, spans: 0, items: 0 });

  // Not in a block.
  const code = 'ERR_SWING_STORE_CRANK';
  kernelStorage.startCrank();
  await t.throwsAsync(hostStorage.compactHistory(), { code });
  kernelStorage.endCrank();
  kernelStorage.kvStore.set('key', 'value');
  await t.throwsAsync(hostStorage.compactHistory(), { code, message: /call it after hostStorage.commit/ });
  await hostStorage.commit();
  await t.throwsAsync(hostStorage.compactHistory(7), { message: 'shouldGoOn must be a function' });
  const problem = Error('no');
  const refuse = () => {
    throw problem;
  };
  t.is(await t.throwsAsync(hostStorage.compactHistory(refuse)), problem);
  // A block that begins meanwhile ends it.
  await expandSwingStore(at('store'));
  const interrupted = hostStorage.compactHistory();
  kernelStorage.kvStore.set('key', 'other');
  t.false((await interrupted).done);
  await hostStorage.commit();
  t.true((await hostStorage.compactHistory()).done);
  t.deepEqual((await exportedBy(subject, at('store')))['transcript.v1.0.6'], expected['transcript.v1.0.6']);
  await hostStorage.close();
  await t.throwsAsync(hostStorage.compactHistory(), { message: 'db not initialized' });
});

test('spans are compressed when they end and when they are imported', async t => {
  const at = temporaryPaths(t, 'compact');
  const callbacks = { rows: [], compressed: [] };
  for (const historicalSpans of ['rows', 'compressed']) {
    const exportCallback = changes => callbacks[historicalSpans].push(...changes);
    await makeAsKernel(subject.api, at(historicalSpans), { historicalSpans, exportCallback });
  }
  t.deepEqual(callbacks.compressed, callbacks.rows);
  const expected = await exportedBy(reference, at('rows'));
  const count = async (dir, table) => {
    const { debug, hostStorage } = openSwingStore(dir);
    const found = debug.getDatabase().prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    await hostStorage.close();
    return found;
  };
  const check = async dir => {
    t.deepEqual(await exportedBy(subject, dir), expected);
    t.true((await count(dir, 'compressedItems')) > 10);
    t.is(await count(dir, 'transcriptItems'), await count(dir, 'transcriptSpans WHERE isCurrent = 1'));
  };
  await check(at('compressed'));

  // Imports.
  const exporter = subject.api.makeSwingStoreExporter(at('rows'), { artifactMode: 'debug' });
  const options = { artifactMode: 'debug', historicalSpans: 'compressed' };
  const first = await subject.api.importSwingStore(exporter, at('first'), options);
  await t.throwsAsync(first.hostStorage.compactHistory(), { code: 'ERR_SWING_STORE_CRANK' });
  await first.hostStorage.commit();
  await first.hostStorage.close();
  await check(at('first'));
  await exportSwingStoreToDirectory(at('rows'), at('export'), { artifactMode: 'debug' });
  const second = await subject.api.importSwingStoreFromDirectory(at('export'), at('second'), options);
  await second.hostStorage.commit();
  await second.hostStorage.close();
  await check(at('second'));
  const arguments_ = ['--export-dir', at('export'), '--historical-spans', 'compressed'];
  fs.mkdirSync(at('third'));
  const { code, stderr } = await runCli(['import', '--state-dir', at('third'), ...arguments_]);
  t.is(code, 0, stderr);
  t.true((await count(at('third'), 'compressedItems')) > 10);
  const message = 'invalid historicalSpans "frames": use "rows" or "compressed"';
  t.throws(() => openSwingStore(at('rows'), { historicalSpans: 'frames' }), { message });
});

test('options and errors', async t => {
  const at = temporaryPaths(t, 'compact');
  await makeAsKernel(subject.api, at('store'));
  const before = await tablesOf(at('store'));
  const planned = await compactSwingStore(at('store'), { dryRun: true });
  t.like(planned, { itemBytes: 0, done: false, damaged: [] });
  t.true(Object.isFrozen(planned));
  t.deepEqual(await tablesOf(at('store')), before);
  const one = await compactSwingStore(at('store'), { vatID: 'v2' });
  t.true(one.spans > 0 && one.spans < planned.spans);
  t.is((await compactSwingStore(at('store'), { limit: 1 })).spans, 1);
  t.like(await compactSwingStore(at('store')), { done: true, spans: planned.spans - one.spans - 1 });
  t.like(await expandSwingStore(at('store'), { dryRun: true }), { spans: planned.spans, items: planned.items });
  await t.throwsAsync(compactSwingStore(at('store'), { vatID: 'v99' }), { code: 'ERR_SWING_STORE_NOT_FOUND' });
  await t.throwsAsync(compactSwingStore(at('none')), { code: 'ERR_SWING_STORE_OPEN' });
  await t.throwsAsync(expandSwingStore(7), { message: 'dirPath must be a string' });
  await t.throwsAsync(compactSwingStore(at('store'), { vatID: 7 }), { message: 'vatID must be a string' });
  await t.throwsAsync(expandSwingStore(at('store'), { signal: AbortSignal.abort() }), {
    name: 'AbortError',
    any: true,
  });
  const signal = AbortSignal.abort();
  await t.throwsAsync(compactSwingStore(at('store'), { signal }), { name: 'AbortError', any: true });
});

test('the command line', async t => {
  const at = temporaryPaths(t, 'compact');
  await makeAsKernel(subject.api, at('store'));
  const arguments_ = ['--state-dir', at('store')];
  const { code, stdout } = await runCli(['compact', ...arguments_, '--dry-run']);
  t.is(code, 0);
  t.regex(stdout, /^Would compact \d+ items of \d+ spans\n$/);
  const one = await runJson(['compact', ...arguments_, '--vat', 'v1', '--limit', '1']);
  t.like(one, { code: 0, spans: 1, done: false, vatID: 'v1' });
  // A damaged span stays as it is.
  const { debug, hostStorage } = openSwingStore(at('store'));
  debug.getDatabase().exec(`UPDATE transcriptItems SET item = 'x' WHERE vatID = 'v2' AND position = 0`);
  await hostStorage.close();
  const rest = await runCli(['compact', ...arguments_]);
  t.is(rest.code, 1);
  t.regex(rest.stdout, /1 span is damaged \(see verify\) and stays as it is:\n {2}transcript\.v2\.0\.6\n/);
  const back = await runCli(['expand', ...arguments_]);
  t.is(back.code, 0, back.stderr);
  t.regex(back.stdout, /^Expanded \d+ items of \d+ spans: /);
  const { code: bad, stderr } = await runCli(['compact', ...arguments_, '--vat', 'v99']);
  t.is(bad, 3);
  t.regex(stderr, /the store has no transcript of a vat "v99"/);
  t.true(fs.existsSync(at('store', FILE)));
});
