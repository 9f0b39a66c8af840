// Pruning and reclaiming space: what is deleted, what stays, and how the reference reads the result.
import '@endo/init/debug.js';

import test from 'ava';
import fs from 'node:fs';
import path from 'node:path';

import { exportedByReference } from '../support/tools/artifacts.mjs';
import { runCli, runJson } from '../support/common/cli.mjs';
import { makeStore } from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { readTables } from '../support/common/observe.mjs';
import { inTempDir } from '../support/common/world.mjs';

const { openSwingStore, pruneSwingStore, reclaimSwingStoreSpace } = subject.api;

const inDir = use => inTempDir(base => use((...names) => path.join(base, ...names)));

const tablesOf = async dir => {
  const { hostStorage, debug } = openSwingStore(dir);
  const tables = readTables(debug.getDatabase());
  await hostStorage.close();
  return tables;
};

/** The names of the artifacts that the reference exports from a store. */
const names = async (dir, mode) =>
  Object.keys(await exportedByReference(dir, mode)).filter(name => /^(tr|sn)/.test(name));

const modes = ['operational', 'replay', 'archival', 'debug'];

for (const transcripts of modes) {
  for (const snapshots of ['operational', 'debug']) {
    test(`keeps ${transcripts} transcripts and ${snapshots} snapshots`, async t => {
      await inDir(async at => {
        await makeStore(reference.api, at('store'));
        const before = await tablesOf(at('store'));
        const exported = {};
        for (const mode of modes) exported[mode] = await exportedByReference(at('store'), mode);
        const expected = [
          ...(await names(at('store'), transcripts)).filter(name => name.startsWith('transcript')),
          ...(await names(at('store'), snapshots)).filter(name => name.startsWith('snapshot')),
        ].sort();
        const keep = { transcripts, snapshots };
        const planned = await pruneSwingStore(at('store'), { keep, dryRun: true });
        t.deepEqual(await tablesOf(at('store')), before);
        const { done, locking, space, ...pruned } = await pruneSwingStore(at('store'), { keep, budget: 3 });
        t.like(planned, pruned);
        t.true(done);
        t.is(pruned.items, before.transcriptItems.length - (await tablesOf(at('store'))).transcriptItems.length);
        t.deepEqual((await names(at('store'), 'debug')).sort(), expected);

        // Everything but contents is unchanged.
        const after = await tablesOf(at('store'));
        for (const table of ['kvStore', 'transcriptSpans', 'bundles', 'pendingExports']) {
          t.deepEqual(after[table], before[table], table);
        }
        for (const mode of modes.slice(0, modes.indexOf(transcripts) + 1).filter(other => other !== 'debug')) {
          t.deepEqual(await exportedByReference(at('store'), mode), exported[mode], mode);
        }
        const again = await pruneSwingStore(at('store'), { keep });
        t.like(again, { spans: 0, items: 0, snapshots: 0, done: true, locking: { transactions: 0 } });
      });
    });
  }
}

test('a prune that stopped within a span is recognized and finished', async t => {
  await inDir(async at => {
    await makeStore(subject.api, at('store'), {}, { items: 50, imageSize: 1000 });
    const operational = await exportedByReference(at('store'), 'operational');
    const { hostStorage, debug } = openSwingStore(at('store'));
    // As after a transaction that ended within a span.
    debug.getDatabase().exec(`DELETE FROM transcriptItems WHERE vatID = 'v1' AND position < 70`);
    await hostStorage.close();
    const inMode = { operational: true, replay: true, archival: false };
    for (const { api } of [reference, subject]) {
      for (const [artifactMode, isComplete] of Object.entries(inMode)) {
        const exporter = api.makeSwingStoreExporter(at('store'), { artifactMode });
        if (isComplete) t.notThrows(exporter.getArtifactNames);
        else t.throws(exporter.getArtifactNames, { message: /incomplete archival transcript/ });
        await exporter.close();
      }
    }
    const listed = await names(at('store'), 'debug');
    t.false(listed.includes('transcript.v1.50.100'));
    t.true(listed.includes('transcript.v1.100.150'));
    t.deepEqual(await exportedByReference(at('store'), 'operational'), operational);
    t.like(await pruneSwingStore(at('store'), { keep: 'archival' }), { items: 201 });
    t.like(await pruneSwingStore(at('store'), { keep: 'operational' }), { items: 330, spans: 7 });
    t.deepEqual(await exportedByReference(at('store'), 'operational'), operational);
  });
});

/** Makes a store whose vat has a historical span of more than one batch of items. */
const makeLongSpan = async (api, dir, count) => {
  const { kernelStorage, hostStorage } = api.initSwingStore(dir);
  const { initTranscript, addItem, rolloverSpan } = kernelStorage.transcriptStore;
  initTranscript('v1');
  const items = Array.from({ length: count }, (_, i) => `${i} ${'x'.repeat(200)}`);
  for (const item of items) addItem('v1', item);
  await rolloverSpan('v1');
  await hostStorage.commit();
  await hostStorage.close();
  return items;
};

/** Prunes all history in another process. */
const pruneElsewhere = async dir => {
  const { code } = await runCli(['prune', '--state-dir', dir, '--keep', 'operational']);
  if (code !== 0) throw Error(`prune ended with ${code}`);
};

for (const { name, api } of [subject, reference]) {
  test(`an open iterator of ${name} yields items that another process prunes`, async t => {
    await inDir(async at => {
      const items = await makeLongSpan(api, at('store'), 3000);
      const { kernelStorage, hostStorage } = api.openSwingStore(at('store'));
      const iterator = kernelStorage.transcriptStore.readSpan('v1', 0);
      t.is(iterator.next().value, items[0]);
      await pruneElsewhere(at('store'));
      t.deepEqual([...iterator], items.slice(1));
      t.throws(() => [...kernelStorage.transcriptStore.readSpan('v1', 0)], {
        message: /^read \D*0\D* transcript entries \(expected \D*3000\D*\)$/,
      });
      await hostStorage.close();
    });
  });
}

test('every kind of iterator, begun or not, yields items that another process prunes', async t => {
  await inDir(async at => {
    const items = await makeLongSpan(subject.api, at('store'), 3000);
    const { kernelStorage, hostStorage, internal } = openSwingStore(at('store'));
    const { readSpan } = kernelStorage.transcriptStore;
    const iterators = [readSpan('v1', 0), internal.transcriptStore.readFullVatTranscript('v1')];
    hostStorage.kvStore.set('host.key', 'value');
    iterators.push(readSpan('v1', 0), readSpan('v1', 0));
    for (const begun of [iterators[1], iterators[2]]) begun.next();
    await hostStorage.commit();
    const exporter = subject.api.makeSwingStoreExporter(at('store'), { artifactMode: 'archival' });
    const artifact = exporter.getArtifact('transcript.v1.0.3000');
    const history = await subject.api.openSwingStoreHistory(at('store'));
    await pruneElsewhere(at('store'));
    const read = iterators.map(iterator => [...iterator].map(item => item.item ?? item));
    t.deepEqual(read, [items, items.slice(1), items.slice(1), items]);
    const chunks = [];
    for await (const chunk of artifact) chunks.push(chunk);
    t.is(Buffer.concat(chunks).toString(), items.map(item => `${item}\n`).join(''));
    const remembered = [];
    for await (const { item } of history.readItems('v1')) remembered.push(item);
    t.deepEqual(remembered, items);
    await history.close();
    await exporter.close();
    await hostStorage.close();
  });
});

test('an iterator pins the log only while it is open', async t => {
  await inDir(async at => {
    await makeLongSpan(subject.api, at('store'), 3000);
    const { kernelStorage, hostStorage, debug } = openSwingStore(at('store'));
    const { readSpan } = kernelStorage.transcriptStore;
    const isBusy = () => {
      hostStorage.kvStore.set('host.key', `${Math.random()}`);
      return hostStorage.commit().then(() => debug.getDatabase().pragma('wal_checkpoint(TRUNCATE)')[0].busy === 1);
    };
    const iterator = readSpan('v1', 0);
    iterator.next();
    t.true(await isBusy());
    iterator.return();
    t.false(await isBusy());
    for (const item of readSpan('v1', 0)) if (item) break;
    t.false(await isBusy());
    t.is([...readSpan('v1', 0)].length, 3000);
    t.false(await isBusy());
    // A tool can change the journal mode after both.
    t.is(debug.getDatabase().pragma('journal_mode=delete', { simple: true }), 'delete');
    t.is(debug.getDatabase().pragma('journal_mode=wal', { simple: true }), 'wal');
    await hostStorage.close();
    t.deepEqual(fs.readdirSync(at('store')), ['swingstore.sqlite']);
  });
});

test('limits, aborts and progress', async t => {
  await inDir(async at => {
    await makeStore(subject.api, at('store'), {}, { items: 300, imageSize: 1000 });
    const keep = { transcripts: 'operational', snapshots: 'debug' };
    t.like(await pruneSwingStore(at('store'), { keep, limit: 1 }), { items: 300, spans: 1, done: false });
    t.like(await pruneSwingStore(at('store'), { keep, limit: 350, budget: 10 }), { items: 600, spans: 2, done: false });
    const told = [];
    const controller = new AbortController();
    const onProgress = progress => {
      told.push(progress);
      if (progress.done > 0) controller.abort();
    };
    // Deleting items one by one takes long enough for a report.
    const options = { keep, budget: 1, onProgress, signal: controller.signal };
    await t.throwsAsync(pruneSwingStore(at('store'), options), { name: 'AbortError', any: true });
    t.true(told.at(-1).done < told.at(-1).total);
    const { done, spans } = await pruneSwingStore(at('store'), { keep });
    t.true(done);
    t.true(spans > 0);
    for (const [bad, message] of [
      [undefined, /keep/],
      [{}, /keep/],
      [{ keep: 'none' }, /invalid artifactMode/],
      [{ keep: { transcripts: 'replay' } }, /of both/],
      [{ keep: 'replay', budget: 0 }, /budget/],
      [{ keep: 'replay', limit: -1 }, /limit/],
      [{ keep: 'replay', signal: 7 }, /signal/],
    ]) {
      await t.throwsAsync(pruneSwingStore(at('store'), bad), { message });
    }
    await t.throwsAsync(pruneSwingStore(at('nowhere'), { keep }), { code: 'ERR_SWING_STORE_OPEN' });
  });
});

test('the file is shrunk if no other connection has it open', async t => {
  await inDir(async at => {
    await makeStore(reference.api, at('store'), {}, { items: 3000, imageSize: 1000 });
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const before = await tablesOf(at('store'));
    const file = at('store/swingstore.sqlite');
    const header = fs.readFileSync(file).subarray(16, 24);
    const { after: space } = await reclaimSwingStoreSpace(at('store'), { dryRun: true });
    t.true(space.freeBytes > 100_000);
    t.is(space.fileBytes, fs.statSync(file).size);
    await t.throwsAsync(reclaimSwingStoreSpace(at('store'), { method: 'incremental' }), { message: /auto_vacuum/ });

    const open = openSwingStore(at('store'));
    await t.throwsAsync(reclaimSwingStoreSpace(at('store'), { method: 'rewrite' }), { code: 'ERR_SWING_STORE_IN_USE' });
    await open.hostStorage.close();
    const exporter = subject.api.makeSwingStoreExporter(at('store'));
    await t.throwsAsync(reclaimSwingStoreSpace(at('store'), { method: 'rewrite' }), { code: 'ERR_SWING_STORE_IN_USE' });
    await exporter.close();

    const { after } = await reclaimSwingStoreSpace(at('store'), { method: 'rewrite' });
    t.is(after.freeBytes, 0);
    t.true(after.fileBytes <= space.fileBytes - space.freeBytes);
    t.is(fs.statSync(file).size, after.fileBytes);
    t.deepEqual(fs.readdirSync(at('store')), ['swingstore.sqlite']);
    // In WAL mode, with the same page size, as before.
    t.deepEqual(fs.readFileSync(file).subarray(16, 24), header);
    t.deepEqual(await tablesOf(at('store')), before);

    await t.throwsAsync(reclaimSwingStoreSpace(at('store'), { method: 'all' }), { message: /method/ });
    await t.throwsAsync(reclaimSwingStoreSpace(at('store'), {}), { message: /method/ });
    await t.throwsAsync(reclaimSwingStoreSpace(at('nowhere'), { method: 'rewrite' }), { code: 'ERR_SWING_STORE_OPEN' });
    await t.throwsAsync(reclaimSwingStoreSpace(at('store'), { method: 'rewrite', signal: AbortSignal.abort() }), {
      name: 'AbortError',
      any: true,
    });
  });
});

test('a file with auto_vacuum is truncated step by step while it is open', async t => {
  await inDir(async at => {
    await makeStore(subject.api, at('store'), {}, { items: 3000, imageSize: 1000 });
    const setUp = openSwingStore(at('store'));
    setUp.debug.getDatabase().exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM');
    await setUp.hostStorage.close();
    const { hostStorage, kernelStorage } = openSwingStore(at('store'));
    await pruneSwingStore(at('store'), { keep: 'operational' });
    const { before, after, locking } = await reclaimSwingStoreSpace(at('store'), { method: 'incremental' });
    t.true(after.fileBytes < before.fileBytes && after.freeBytes === 0);
    t.true(locking.transactions > 0);
    kernelStorage.kvStore.set('key', 'goes on');
    await hostStorage.commit();
    await hostStorage.close();
  });
});

test('the command line', async t => {
  await inDir(async at => {
    await makeStore(reference.api, at('store'));
    const store = ['--state-dir', at('store')];
    const planned = await runJson(['prune', ...store, '--keep', 'operational', '--dry-run']);
    t.like(planned, { code: 0, command: 'prune', dryRun: true, spans: 13, snapshots: 10, done: false });
    t.is((await runCli(['prune', ...store])).code, 2);
    t.is((await runCli(['prune', ...store, '--keep', 'none'])).code, 2);
    t.is((await runCli(['prune', ...store, '--keep', 'operational', '--budget', '0'])).code, 2);
    const some = ['prune', ...store, '--keep-transcripts', 'replay', '--keep-snapshots', 'debug'];
    t.like(await runJson([...some, '--limit', '1']), { code: 0, spans: 1, snapshots: 0, done: false });
    t.regex(
      (await runCli([...some, '--limit', '1'])).stdout,
      /Deleted \d+ items of 1 span,[^]*run it again[^]*free now/,
    );
    t.like(await runJson(['prune', ...store, '--keep', 'operational']), {
      code: 0,
      spans: 11,
      snapshots: 10,
      done: true,
    });
    t.regex((await runCli(['reclaim', ...store, '--dry-run'])).stdout, /^Of .* are free\n$/);
    t.like(await runJson(['reclaim', ...store, '--method', 'incremental']), {
      code: 3,
      error: { code: 'ERR_SWING_STORE_ARGUMENT' },
    });
    const { hostStorage } = openSwingStore(at('store'));
    t.like(await runJson(['reclaim', ...store]), { code: 3, error: { code: 'ERR_SWING_STORE_IN_USE' } });
    await hostStorage.close();
    t.like(await runJson(['reclaim', ...store]), { code: 0, method: 'rewrite', after: { freeBytes: 0 } });
  });
});
