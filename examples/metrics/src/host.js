// A host that commits a block every second, and answers Prometheus on port 9464.
//
//   npm start -- [DIRECTORY]

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv } from 'node:process';

import { openSwingStore } from '@agoric/swing-store';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

import { registerSwingStoreMetrics } from './register.js';

const path = argv[2] ?? mkdtempSync(join(tmpdir(), 'swing-store-metrics-'));
const { kernelStorage, hostStorage } = openSwingStore(path);

const exporter = new PrometheusExporter({ port: 9464 }, () => console.log('http://localhost:9464/metrics'));
const provider = new MeterProvider({ readers: [exporter] });
const { measure, unregister } = registerSwingStoreMetrics(provider.getMeter('swing-store'), { path, hostStorage });
await measure();

let height = 0;
const timer = setInterval(async () => {
  height += 1;
  kernelStorage.kvStore.set('height', `${height}`);
  hostStorage.kvStore.set('host.height', `${height}`);
  await hostStorage.commit();
}, 1000);

process.once('SIGINT', async () => {
  clearInterval(timer);
  unregister();
  await provider.shutdown();
  await hostStorage.close();
});
