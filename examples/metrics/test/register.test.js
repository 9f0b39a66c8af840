import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { metricDefinitions, openSwingStore } from '@agoric/swing-store';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

import { registerSwingStoreMetrics } from '../src/register.js';

/** Opens a store in a temporary directory, with its metrics registered. */
const start = t => {
  const path = mkdtempSync(join(tmpdir(), 'swing-store-metrics-'));
  const { kernelStorage, hostStorage } = openSwingStore(path);
  // The exporter of cosmic-swingset, without its server.
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const registered = registerSwingStoreMetrics(provider.getMeter('test'), {
    path,
    hostStorage,
    measureOptions: { perVat: true },
  });
  t.after(async () => {
    registered.unregister();
    await hostStorage.close();
    rmSync(path, { recursive: true });
  });
  const scrape = async () => {
    const { resourceMetrics, errors } = await exporter.collect();
    assert.deepEqual(errors, []);
    return new PrometheusSerializer().serialize(resourceMetrics);
  };
  return { kernelStorage, hostStorage, scrape, ...registered };
};

async function* image() {
  yield Buffer.alloc(1000);
}

/** Runs two blocks. */
const runBlocks = async ({ kernelStorage, hostStorage }) => {
  const { kvStore, transcriptStore, snapStore } = kernelStorage;
  kvStore.set('key', 'value');
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'item');
  await hostStorage.commit();
  kvStore.get('key');
  kvStore.get('key');
  await snapStore.saveSnapshot('v1', 1, image());
  await transcriptStore.rolloverSpan('v1');
  await hostStorage.commit();
};

test('counters and gauges have the values of the store', async t => {
  const host = start(t);
  await host.scrape();
  await runBlocks(host);
  const text = await host.scrape();
  for (const line of [
    'swing_store_value_cache_hits_total 1',
    'swing_store_calls_total{part="kvStore"} 2',
    'swing_store_calls_total{part="transcriptStore"} 3',
    'swing_store_ended_spans_total{form="rows"} 1',
    'swing_store_snapshot_save_bytes_total{form="uncompressed"} 1000',
    'swing_store_write_buffer_bytes 0',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} in\n${text}`);
  }
});

test('counters and gauges have types and descriptions', async t => {
  const host = start(t);
  await runBlocks(host);
  await host.measure();
  const text = await host.scrape();
  for (const { name, type, help } of metricDefinitions) {
    if (/archive|lost/.test(name)) continue;
    assert.ok(text.includes(`# HELP ${name} ${help}\n`), name);
    assert.ok(text.includes(`# TYPE ${name} ${type}\n`), name);
  }
});

test('histograms count commits and snapshots of this store', async t => {
  const host = start(t);
  const other = start(t);
  await runBlocks(host);
  await runBlocks(other);
  const text = await host.scrape();
  assert.match(text, /^swing_store_commit_seconds_count 2$/m);
  assert.match(text, /^swing_store_commit_seconds_bucket\{le="10"\} 2$/m);
  assert.match(text, /^swing_store_snapshot_save_seconds_count 1$/m);
});

test('the contents are measured', async t => {
  const host = start(t);
  await runBlocks(host);
  await host.measure();
  const text = await host.scrape();
  assert.match(text, /^swing_store_spans\{form="rows"\} 1$/m);
  assert.match(text, /^swing_store_vat_end_position\{vat="v1"\} 1$/m);
  assert.match(text, /^swing_store_complete\{mode="archival"\} 1$/m);
});

test('an unregistered store can be closed', async t => {
  const host = start(t);
  await runBlocks(host);
  host.unregister();
  const text = await host.scrape();
  assert.doesNotMatch(text, /^swing_store_log_bytes /m);
});

test('without a measurement, only the running store has metrics', async t => {
  const host = start(t);
  const text = await host.scrape();
  assert.match(text, /^swing_store_log_pages /m);
  assert.doesNotMatch(text, /^swing_store_spans\{/m);
});
