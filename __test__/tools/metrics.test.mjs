// Metrics of an open store and of a store's contents, and events.
import '@endo/init/debug.js';

import test from 'ava';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import { runCli, runJson } from '../support/common/cli.mjs';
import { makeHistoryStore } from '../support/common/history-store.mjs';
import { subject } from '../support/common/implementations.mjs';
import { internal } from '../support/common/internals.mjs';
import { parsePrometheus } from '../support/common/prometheus.mjs';
import { inTempDir } from '../support/common/world.mjs';
import { readText } from '../support/docs/pages.mjs';

const native = internal('native.js');
const { measuredFunctions } = internal('store-functions.js');
const { events } = internal('events.js');

const { api } = subject;
const { formatMetrics, measureSwingStore, metricDefinitions, openSwingStore, initSwingStore } = api;

const running = metricDefinitions.filter(one => one.running);
const stored = metricDefinitions.filter(one => one.stored);
const namesOf = definitions => definitions.map(({ name }) => name);

/** Metrics that only some measurements have. */
const isOptional = name => /^swing_store_(vat_|archive_up|unarchived_|lost_)/.test(name);

/** Waits for 5 ms. */
const pause = () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
};

async function* image(text) {
  yield Buffer.from(text);
}

test('an open store counts what it does', async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'store');
    const { kernelStorage, hostStorage } = initSwingStore(dir);
    const { kvStore, transcriptStore, snapStore } = kernelStorage;
    const before = hostStorage.metrics();
    t.deepEqual(Object.keys(before), namesOf(running));
    t.true(Object.isFrozen(before));
    t.is(before.swing_store_commit_seconds.count, 0);
    t.like(before.swing_store_calls_total, { kvStore: 0, commit: 0 });

    kvStore.set('key', 'value');
    t.true(hostStorage.metrics().swing_store_write_buffer_bytes > 100);
    for (let i = 0; i < 5; i += 1) t.is(kvStore.get('key'), 'value');
    for (let i = 0; i < 40; i += 1) kvStore.set(`key${i}`, 'x'.repeat(100));
    transcriptStore.initTranscript('v1');
    transcriptStore.addItem('v1', 'item');
    const saved = await snapStore.saveSnapshot('v1', 1, image('heap '.repeat(1000)));
    const { compressedSize, compressSeconds, dbSaveSeconds } = saved;
    await transcriptStore.rolloverSpan('v1');
    await hostStorage.commit();

    const after = hostStorage.metrics();
    t.is(after.swing_store_value_cache_misses_total, 1);
    t.is(after.swing_store_value_cache_hits_total, 4);
    t.is(after.swing_store_commit_seconds.count, 1);
    t.true(after.swing_store_commit_seconds.sum > 0);
    t.true(after.swing_store_commit_seconds.buckets.at(-1).count <= 1);
    t.is(after.swing_store_snapshot_save_seconds.count, 1);
    const { sum } = after.swing_store_snapshot_save_seconds;
    t.true(Math.abs(sum - compressSeconds - dbSaveSeconds) < 1e-6, `${sum} s`);
    t.deepEqual(after.swing_store_snapshot_save_bytes_total, { uncompressed: 5000, compressed: compressedSize });
    t.deepEqual(after.swing_store_ended_spans_total, { rows: 1, compressed: 0, deleted: 0 });
    t.like(after.swing_store_calls_total, { kvStore: 42, transcriptStore: 3, bundleStore: 0 });
    t.true(after.swing_store_calls_total.commit >= 2);
    const seconds = after.swing_store_call_seconds_total;
    for (const part of ['kvStore', 'transcriptStore', 'snapStore', 'commit']) t.true(seconds[part] > 0, part);
    t.true(seconds.commit >= after.swing_store_commit_seconds.sum);
    t.is(seconds.bundleStore, 0);
    t.is(after.swing_store_write_buffer_bytes, 0);
    t.true(after.swing_store_write_buffer_flushes_total >= 1);
    t.is(after.swing_store_file_bytes, hostStorage.diskUsage());
    t.is(after.swing_store_log_bytes, fs.statSync(path.join(dir, 'swingstore.sqlite-wal')).size);
    t.true(after.swing_store_log_pages > 0);
    t.true(after.swing_store_page_cache_bytes > 0);
    t.true(after.swing_store_page_cache_hits_total > before.swing_store_page_cache_hits_total);

    // A commit of nothing is none.
    await hostStorage.commit();
    t.is(hostStorage.metrics().swing_store_commit_seconds.count, 1);
    // In a crank, and in its export callback.
    kernelStorage.startCrank();
    t.notThrows(() => hostStorage.metrics());
    kernelStorage.endCrank();
    await hostStorage.close();
    t.throws(() => hostStorage.metrics(), { message: 'db not initialized' });
  });
});

/** The functions of the addon by the part of the store that counts their calls; all others count as `other`. */
const FUNCTIONS = {
  kvStore:
    'kvGet kvHas kvGetNextKey kvSet kvDelete kernelSet kernelDelete kernelSetMany hostSet hostDelete noteKernelSet ' +
    'noteKernelDelete kvDump',
  transcriptStore:
    'initTranscript getCurrentSpanBounds addItem readSpan readFullVatTranscript currentSpanArchive beginSpanArchive ' +
    'rollover stopUsingTranscript deleteVatTranscripts dumpTranscripts exportSpan spanNames spanRecords ' +
    'checkTranscripts importSpanRecord repairSpanRecord importSpan',
  snapStore:
    'noteSavedSnapshot saveSnapshot loadSnapshot getSnapshotInfo stopUsingLastSnapshot deleteAllUnusedSnapshots ' +
    'deleteVatSnapshots hasHash deleteSnapshotByHash listAllSnapshots dumpSnapshots exportSnapshot snapshotNames ' +
    'snapshotRecords checkSnapshots importSnapshotRecord repairSnapshotRecord importSnapshot populateSnapshot',
  bundleStore:
    'addBundle hasBundle getBundle deleteBundle bundleIDs bundleRecords exportBundle checkBundles importBundleRecord ' +
    'repairBundleRecord populateBundle dumpBundles',
  cranks:
    'startCrank establishCrankSavepoint rollbackCrank emitCrankHashes takeCrankhash restoreCrankhash ' +
    'nextActivityhash noteActivityhash endCrank finishCrank',
  commit: 'prepareCommit exportsArrived exportsFailed commit',
  other: 'ensureTxn beginCompaction compactStep metrics close takeNotes',
};

test('each function of the addon counts for its part of the store', t => {
  const found = Object.fromEntries(Object.keys(FUNCTIONS).map(part => [part, []]));
  for (const name of native.storeFunctionNames()) {
    const { fns, measureCalls } = measuredFunctions(() => () => name);
    measureCalls();
    t.is(fns[name](), name);
    for (const [part, { calls }] of Object.entries(measureCalls())) if (calls > 0) found[part].push(name);
  }
  for (const [part, names] of Object.entries(FUNCTIONS))
    t.deepEqual(found[part].toSorted(), names.split(' ').toSorted());
});

test('times of calls are in seconds, and those of a kvStore are sixteen times every sixteenth', t => {
  const { fns, measureCalls } = measuredFunctions(() => pause);
  measureCalls();
  fns.commit();
  for (let i = 0; i < 16; i += 1) fns.kvGet();
  const { commit, kvStore } = measureCalls();
  const { seconds } = kvStore;
  // A busy machine may take longer, but not forty times as long or more.
  t.true(commit.seconds > 0.004 && commit.seconds < 0.5, `${commit.seconds} s`);
  t.true(seconds > 0.064 && seconds < 3.2, `${seconds} s`);
  for (let i = 0; i < 15; i += 1) fns.kvGet();
  t.deepEqual(measureCalls().kvStore, { calls: 31, seconds });
});

test('calls are not measured before they are asked for, and failed calls are', async t => {
  const { kernelStorage, hostStorage } = initSwingStore();
  const { kvStore, transcriptStore } = kernelStorage;
  for (let i = 0; i < 100; i += 1) kvStore.set(`key${i}`, 'value');
  t.is(hostStorage.metrics().swing_store_calls_total.kvStore, 0);
  t.throws(() => transcriptStore.addItem('v1', 'item'));
  for (let i = 0; i < 15; i += 1) kvStore.set(`key${i}`, 'value');
  const first = hostStorage.metrics();
  t.is(first.swing_store_calls_total.transcriptStore, 1);
  t.true(first.swing_store_call_seconds_total.transcriptStore > 0);
  t.is(first.swing_store_calls_total.kvStore, 15);
  t.is(first.swing_store_call_seconds_total.kvStore, 0);
  kvStore.set('another', 'value');
  t.true(hostStorage.metrics().swing_store_call_seconds_total.kvStore > 0);
  // In memory there are no files.
  t.like(first, { swing_store_file_bytes: 0, swing_store_log_bytes: 0, swing_store_log_pages: 0 });
  await hostStorage.close();
});

test('a store without a log has a log of 0 bytes', async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'store');
    const { hostStorage, debug } = initSwingStore(dir);
    t.true(hostStorage.metrics().swing_store_log_bytes > 0);
    await hostStorage.commit();
    debug.getDatabase().pragma('journal_mode = DELETE');
    t.like(hostStorage.metrics(), { swing_store_log_bytes: 0, swing_store_log_pages: 0 });
    t.is(hostStorage.metrics().swing_store_file_bytes, hostStorage.diskUsage());
    await hostStorage.close();
  });
});

test('spans that end are counted by what becomes of their items', async t => {
  for (const [options, form] of [
    [{}, 'rows'],
    [{ historicalSpans: 'compressed' }, 'compressed'],
    [{ keepTranscripts: false }, 'deleted'],
    [{ keepTranscripts: false, historicalSpans: 'compressed' }, 'deleted'],
  ]) {
    const { kernelStorage, hostStorage } = initSwingStore(null, options);
    const { transcriptStore } = kernelStorage;
    transcriptStore.initTranscript('v1');
    transcriptStore.addItem('v1', 'item');
    await transcriptStore.rolloverIncarnation('v1');
    await transcriptStore.stopUsingTranscript('v1');
    await transcriptStore.stopUsingTranscript('v1');
    const expected = { rows: 0, compressed: 0, deleted: 0, [form]: 2 };
    t.deepEqual(hostStorage.metrics().swing_store_ended_spans_total, expected);
    await hostStorage.close();
  }
});

test('a store publishes events', async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'store');
    const seen = [];
    const note = (event, channel) => {
      t.true(Object.isFrozen(event));
      if (event.path === dir) seen.push([channel.replace('swing-store:', ''), event]);
    };
    const channels = ['open', 'commit', 'snapshot', 'close'].map(name => `swing-store:${name}`);
    for (const channel of channels) subscribe(channel, note);
    t.teardown(() => channels.forEach(channel => unsubscribe(channel, note)));
    const { kernelStorage, hostStorage } = initSwingStore(dir, { exportCallback: pause });
    kernelStorage.kvStore.set('key', 'value');
    const result = await kernelStorage.snapStore.saveSnapshot('v1', 7, image('heap'));
    const begin = performance.now();
    await hostStorage.commit();
    const wall = (performance.now() - begin) / 1000;
    await hostStorage.close();
    await t.throwsAsync(hostStorage.commit());
    const reader = openSwingStore(dir, { readonly: true });
    await reader.hostStorage.close();
    for (const channel of channels) unsubscribe(channel, note);
    await openSwingStore(dir).hostStorage.close();
    events.open(() => t.fail('an event that nobody receives is not made'));
    t.deepEqual(
      seen.map(([name]) => name),
      ['open', 'snapshot', 'commit', 'close', 'open', 'close'],
    );
    t.deepEqual(seen[0][1], { path: dir, readonly: false });
    t.deepEqual(seen[1][1], { path: dir, vatID: 'v1', snapPos: 7, ...result });
    const { seconds, exportSeconds, ...commit } = seen[2][1];
    t.deepEqual(commit, { path: dir });
    t.true(seconds > 0 && exportSeconds > 0.004 && seconds + exportSeconds < wall);
    t.deepEqual(seen[4][1], { path: dir, readonly: true });
  });
});

test('metrics are formatted for Prometheus', async t => {
  const { kernelStorage, hostStorage } = initSwingStore();
  kernelStorage.kvStore.set('key', 'value');
  await hostStorage.commit();
  const metrics = hostStorage.metrics();
  const parsed = parsePrometheus(formatMetrics(metrics));
  t.deepEqual([...parsed.keys()], namesOf(running));
  for (const { name, type, help, label } of running) {
    const found = parsed.get(name);
    t.is(found.type, type);
    t.is(found.help, `${help}.`);
    if (type === 'histogram') {
      const { count, sum, buckets } = metrics[name];
      const bounds = [...buckets.map(({ le }) => String(le)), '+Inf'];
      t.deepEqual(
        found.samples.map(({ name: of, labels, value }) => [of.slice(name.length), labels.le, value]),
        [
          ...[...buckets, { count }].map((bucket, i) => ['_bucket', bounds[i], bucket.count]),
          ['_sum', undefined, sum],
          ['_count', undefined, count],
        ],
      );
    } else if (label) {
      const values = found.samples.map(({ labels, value }) => [labels[label], value]);
      t.deepEqual(Object.fromEntries(values), { ...metrics[name] });
    } else {
      t.is(found.samples[0].value, metrics[name]);
    }
  }
  await hostStorage.close();
  t.is(formatMetrics({}), '');
  const vats = parsePrometheus(formatMetrics({ swing_store_vat_end_position: { 'v"1\\\n,{}': 5 } }));
  t.deepEqual(vats.get('swing_store_vat_end_position').samples[0].labels, { vat: 'v"1\\\n,{}' });
  for (const wrong of [undefined, null, 7, 'text', [], () => {}]) {
    t.throws(() => formatMetrics(wrong), { code: 'ERR_SWING_STORE_ARGUMENT', message: /an object with metrics/ });
  }
});

/** The spans of a store by form, from its history. */
const spansByHistory = async dir => {
  const history = api.openSwingStoreHistory(dir);
  const counts = { current: 0, stored: 0, pruned: 0, partial: 0 };
  const items = { ...counts };
  for (const { vatID } of await history.listVats()) {
    for (const { isCurrent, populated, startPos, endPos } of await history.listSpans(vatID)) {
      const form = isCurrent ? 'current' : { all: 'stored', none: 'pruned', some: 'partial' }[populated];
      counts[form] += 1;
      items[form] += endPos - startPos;
    }
  }
  await history.close();
  return { counts, items };
};

const merged = ({ rows, compressed, ...others }) => ({ ...others, stored: rows + compressed });

test('the contents of a store are measured', async t => {
  await inTempDir(async base => {
    const dir = path.join(base, 'store');
    await makeHistoryStore(api, dir);
    const check = async (options, expected) => {
      const metrics = await measureSwingStore(dir, options);
      const names = namesOf(stored).filter(name => name in metrics || !isOptional(name));
      t.deepEqual(Object.keys(metrics), names);
      t.true(Object.isFrozen(metrics));
      const { counts, items } = await spansByHistory(dir);
      t.deepEqual(merged(metrics.swing_store_spans), counts);
      t.deepEqual(merged(metrics.swing_store_items), items);
      for (const [name, value] of Object.entries(expected)) t.like(metrics, { [name]: value });
      return metrics;
    };
    const before = Date.now() / 1000;
    const whole = await check(undefined, {
      swing_store_block_height: 7,
      swing_store_vats: { live: 3, ended: 2 },
      swing_store_spans: { current: 3, rows: 12, compressed: 0, pruned: 0, partial: 0 },
      swing_store_snapshots: { in_use: 2, kept: 6, pruned: 0, missing: 0 },
      swing_store_bundles: { stored: 2, pruned: 0 },
      swing_store_complete: { operational: 1, replay: 1, archival: 1 },
      swing_store_log_bytes: 0,
    });
    t.is(whole.swing_store_file_bytes, fs.statSync(path.join(dir, 'swingstore.sqlite')).size);
    t.true(whole.swing_store_last_commit_timestamp_seconds <= whole.swing_store_measured_timestamp_seconds);
    t.true(whole.swing_store_last_commit_timestamp_seconds > before - 600);
    t.true(whole.swing_store_measured_timestamp_seconds >= before - 1);

    await api.compactSwingStore(dir, { vatID: 'v6' });
    const compacted = await check({}, { swing_store_complete: { operational: 1, replay: 1, archival: 1 } });
    t.true(compacted.swing_store_spans.compressed > 0);
    const { snapshots } = await api.pruneSwingStore(dir, { keep: 'replay' });
    const pruned = await check(
      { perVat: true },
      {
        swing_store_complete: { operational: 1, replay: 1, archival: 0 },
        swing_store_snapshots: { in_use: 2, kept: 0, pruned: snapshots, missing: 0 },
      },
    );
    t.true(pruned.swing_store_free_bytes >= 0);
    const history = api.openSwingStoreHistory(dir);
    const vats = await history.listVats();
    const spans = await history.listSpans('v6');
    await history.close();
    t.deepEqual(
      { ...pruned.swing_store_vat_end_position },
      Object.fromEntries(vats.map(({ vatID, endPos }) => [vatID, endPos])),
    );
    t.is(pruned.swing_store_vat_oldest_position.v6, spans.find(({ populated }) => populated === 'all').startPos);
    t.is(pruned.swing_store_vat_oldest_position.v1, 0);
    const { startPos, endPos } = spans.at(-1);
    t.is(pruned.swing_store_vat_current_items.v6, endPos - startPos);
    t.false('v9' in pruned.swing_store_vat_current_items);

    const { debug, hostStorage } = openSwingStore(dir);
    debug.getDatabase().exec(`
      DELETE FROM transcriptItems WHERE vatID = 'v1' AND position = 1 + (
        SELECT MAX(endPos) FROM transcriptSpans WHERE vatID = 'v1' AND isCurrent IS NULL);
      DELETE FROM transcriptItems WHERE vatID = 'v1' AND position = 0;
      UPDATE bundles SET bundle = NULL WHERE bundleID LIKE 'b0-%';
      UPDATE snapshots SET compressedSnapshot = NULL WHERE vatID = 'v6' AND inUse = 1`);
    await hostStorage.commit();
    await hostStorage.close();
    const damaged = await check(
      {},
      {
        swing_store_bundles: { stored: 1, pruned: 1 },
        swing_store_complete: { operational: 0, replay: 0, archival: 0 },
        swing_store_snapshots: { in_use: 1, missing: 1 },
      },
    );
    t.is(damaged.swing_store_spans.partial, 1);
    parsePrometheus(formatMetrics(damaged));
    await t.throwsAsync(measureSwingStore(base), { code: 'ERR_SWING_STORE_OPEN' });
    const signal = AbortSignal.abort();
    t.is(await measureSwingStore(dir, { signal }).catch(error => error), signal.reason);
  });
});

test('a running kernel is measured without waiting for it, or it for us', async t => {
  await inTempDir(async dir => {
    const { kernelStorage, hostStorage, debug } = initSwingStore(dir);
    const { kvStore, transcriptStore } = kernelStorage;
    transcriptStore.initTranscript('v1');
    transcriptStore.addItem('v1', 'item');
    await hostStorage.commit();
    // A block is in progress: it holds the write lock.
    transcriptStore.addItem('v1', 'uncommitted');
    debug.getDatabase().exec('SELECT 1');
    const files = () => fs.readdirSync(dir).map(name => [name, fs.statSync(path.join(dir, name)).size]);
    const before = files();
    const metrics = await measureSwingStore(dir, { perVat: true });
    t.is(metrics.swing_store_vat_end_position.v1, 1);
    t.true(metrics.swing_store_log_bytes > 0);
    t.deepEqual(files(), before);
    kvStore.set('key', 'value');
    await hostStorage.commit();
    t.is((await measureSwingStore(dir, { perVat: true })).swing_store_vat_end_position.v1, 2);
    await hostStorage.close();
  });
});

test('what an archive lacks is counted', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeHistoryStore(api, at('store'));
    const lag = async options => {
      const metrics = await measureSwingStore(at('store'), { archivedIn: at('archive'), ...options });
      return [
        metrics.swing_store_unarchived_spans,
        metrics.swing_store_unarchived_items,
        metrics.swing_store_unarchived_snapshots,
        metrics.swing_store_lost_spans,
        metrics.swing_store_archive_up,
      ];
    };
    await api.archiveSwingStore(at('store'), at('archive'));
    t.deepEqual(await lag(), [0, 0, 0, 0, 1]);
    const files = fs.readdirSync(at('archive'));
    const spans = files.filter(name => name.startsWith('transcript.v6.'));
    const [, first, last] = /^transcript\.v6\.(\d+)\.(\d+)\.gz$/.exec(spans[0]);
    fs.rmSync(at('archive/') + spans[0]);
    fs.rmSync(at('archive/') + files.find(name => name.startsWith('snapshot.')));
    t.deepEqual(await lag(), [1, last - first, 1, 0, 1]);
    // As an uncompressed file, it is archived, too.
    fs.writeFileSync(at(`archive/transcript.v6.${first}.${last}`), '');
    t.deepEqual(await lag(), [0, 0, 1, 0, 1]);
    fs.rmSync(at(`archive/transcript.v6.${first}.${last}`));
    await api.pruneSwingStore(at('store'), { keep: { transcripts: 'operational', snapshots: 'debug' } });
    t.deepEqual(await lag(), [0, 0, 1, 1, 1]);

    // The archive of a web server.
    const server = http.createServer((request, response) => {
      const file = at(`archive${request.url}`);
      response.statusCode = fs.existsSync(file) ? 200 : 404;
      if (response.statusCode === 200) response.setHeader('Content-Length', fs.statSync(file).size);
      response.end();
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${server.address().port}`;
    t.deepEqual(await lag({ archivedIn: url }), [0, 0, 1, 1, 1]);
    // Only the newest span of each vat: the missing one is the oldest.
    t.deepEqual(await lag({ archivedIn: url, newestSpans: 1 }), [0, 0, 1, spans.length === 1 ? 1 : 0, 1]);
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));

    const none = await measureSwingStore(at('store'), { archivedIn: at('missing') });
    t.like(none, { swing_store_archive_up: 0 });
    t.regex(none.archiveProblem, /missing/);
    t.false('swing_store_unarchived_spans' in none);
    await t.throwsAsync(measureSwingStore(at('store'), { archivedIn: 'ftp://host/a' }), {
      code: 'ERR_SWING_STORE_ARGUMENT',
    });
  });
});

test('the command prints metrics, or writes them to a file', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    await makeHistoryStore(api, at('store'));
    const store = ['metrics', '--state-dir', at('store')];
    const { code, stdout, stderr } = await runCli([...store, '--per-vat']);
    t.is(code, 0);
    t.is(stderr, '');
    const printed = parsePrometheus(stdout);
    const expected = namesOf(stored).filter(name => !isOptional(name) || name.startsWith('swing_store_vat_'));
    t.deepEqual([...printed.keys()], expected);
    t.is(printed.get('swing_store_spans').samples.find(({ labels }) => labels.form === 'rows').value, 12);

    const { code: zero, command, stateDir, ...document } = await runJson(store);
    t.deepEqual([zero, command, stateDir], [0, 'metrics', at('store')]);
    const { swing_store_measured_timestamp_seconds: _, ...measured } = await measureSwingStore(at('store'));
    t.like(document, measured);

    fs.mkdirSync(at('textfiles'));
    const file = at('textfiles/swing-store.prom');
    for (let round = 0; round < 2; round += 1) {
      const written = await runCli([...store, '--textfile', file]);
      t.deepEqual([written.code, written.stdout, written.stderr], [0, '', '']);
      t.true(parsePrometheus(fs.readFileSync(file, 'utf8')).has('swing_store_spans'));
      t.deepEqual(fs.readdirSync(at('textfiles')), ['swing-store.prom']);
    }
    // A command that fails leaves the file as it was.
    const old = fs.readFileSync(file, 'utf8');
    t.is((await runCli(['metrics', '--state-dir', at('nothing'), '--textfile', file])).code, 3);
    t.is(fs.readFileSync(file, 'utf8'), old);
    t.is((await runCli([...store, '--textfile', at('no/such/file')])).code, 3);
    t.like(await runJson([...store, '--textfile', file]), { code: 0, textfile: file });

    const missing = await runCli([...store, '--archived-in', at('missing')]);
    t.is(missing.code, 1);
    t.regex(missing.stderr, /^note: the archive was not read: .*missing/);
    t.is(parsePrometheus(missing.stdout).get('swing_store_archive_up').samples[0].value, 0);
    await api.archiveSwingStore(at('store'), at('archive'));
    t.like(await runJson([...store, '--archived-in', at('archive'), '--newest', '2']), {
      code: 0,
      archivedIn: at('archive'),
      swing_store_unarchived_spans: 0,
    });
    t.is((await runCli([...store, '--newest', '2'])).code, 2);
  });
});

test('the page lists all metrics with their types, units and labels', t => {
  const rows = readText('docs/reference/metrics.md').match(/^\| `swing_store_.*$/gm);
  const read = rows.map(row => row.split('|').map(cell => cell.trim()));
  const expected = [...running, ...stored].map(({ name, type, unit, help }) => [
    `\`${name}\``,
    unit ? `${type}, ${unit}` : type,
    help,
  ]);
  t.deepEqual(
    read.map(cells => cells.slice(1, 4)),
    expected,
  );
  const labels = [...running, ...stored].map(({ label }) => label);
  t.deepEqual(
    read.map(cells => /^`([a-z]+)`/.exec(cells[4])?.[1]),
    labels,
  );
});

test('the types have all metrics', t => {
  const types = readText('index.d.ts');
  for (const [name, definitions] of [
    ['RunningMetrics', running],
    ['StoredMetrics', stored],
  ]) {
    const [, body] = RegExp(`^export interface ${name} {$([^]*?)^}$`, 'm').exec(types);
    t.deepEqual(body.match(/(?<=readonly )swing_store_\w+/g), namesOf(definitions));
    for (const { name: of } of definitions) t.is(body.includes(`${of}?:`), isOptional(of), of);
  }
});
