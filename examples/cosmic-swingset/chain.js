// cosmic-swingset's kernel on a store of this package, with blocks that a timer makes instead of consensus.
//
//   node chain.js        continues the chain in CHAIN_HOME (./chain by default), or starts a new one there
//
// Settings, from the environment:
//   CHAIN_HOME                      the chain's home: `npx swing-store verify --home $CHAIN_HOME` finds its store
//   CHAIN_ARCHIVE                   a directory to which ended spans and old snapshots are copied before they are deleted;
//                                   without it, the store keeps them
//   BLOCK_SECONDS                   the time between two blocks (5)
//   BLOCKS                          how many blocks to run; without it, until a signal ends the chain
//   OTEL_EXPORTER_PROMETHEUS_PORT   where Prometheus finds the kernel's and the store's metrics, for example 9464

import '@endo/init/pre.js';
import '@endo/init';

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { makeQueueStorageMock } from '@agoric/cosmic-swingset/src/helpers/make-queue.js';
import { makeKVStoreFromMap } from '@agoric/cosmic-swingset/src/helpers/bufferedStorage.js';
import { launchAndShareInternals } from '@agoric/cosmic-swingset/src/launch-chain.js';
import { DEFAULT_SIM_SWINGSET_PARAMS } from '@agoric/cosmic-swingset/src/sim-params.js';
import { makeArchiveSnapshot, makeArchiveTranscript, nativeArchivePowers, openSwingStore } from '@agoric/swing-store';
import { getTelemetryProviders } from '@agoric/telemetry';

import { registerSwingStoreMetrics } from './register.js';

const { env } = process;
const home = path.resolve(env.CHAIN_HOME ?? 'chain');
const blockSeconds = Number(env.BLOCK_SECONDS ?? 5);
const lastBlocks = Number(env.BLOCKS ?? Infinity);

const archive = env.CHAIN_ARCHIVE;
const stateDir = path.join(home, 'data', 'agoric');

const openStore = () => {
  fs.mkdirSync(stateDir, { recursive: true });
  if (!archive) return openSwingStore(stateDir);
  fs.mkdirSync(archive, { recursive: true });
  return openSwingStore(stateDir, {
    keepTranscripts: false,
    archiveTranscript: makeArchiveTranscript(archive, nativeArchivePowers),
    archiveSnapshot: makeArchiveSnapshot(archive, nativeArchivePowers),
  });
};

const { metricsProvider } = getTelemetryProviders({ console, env, serviceName: 'chain' });
const swingStore = openStore();
const { hostStorage } = swingStore;
const storeMetrics =
  metricsProvider &&
  registerSwingStoreMetrics(metricsProvider.getMeter('swing-store'), {
    path: stateDir,
    hostStorage,
    measureOptions: archive ? { archivedIn: archive } : {},
  });
await storeMetrics?.measure();

// A chain keeps these in its other databases. Nothing is in them here: the kernel has no bridge to consensus.
const mailboxStorage = { ...makeKVStoreFromMap(new Map()), commit: () => {}, abort: () => {} };

const { blockingSend, shutdown, savedHeight, internals } = await launchAndShareInternals({
  actionQueueStorage: makeQueueStorageMock().storage,
  highPriorityQueueStorage: makeQueueStorageMock().storage,
  swingStore,
  mailboxStorage,
  clearChainSends: async () => [],
  replayChainSends: () => {
    throw Error('there is nothing to replay');
  },
  bridgeOutbound: undefined,
  vatconfig: fileURLToPath(new URL('./kernel.json', import.meta.url)),
  argv: {},
  env,
  metricsProvider,
  swingsetConfig: {},
});

const params = DEFAULT_SIM_SWINGSET_PARAMS;
const now = () => Math.floor(Date.now() / 1000);

let stopping = false;
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stopping = true;
    stopped.abort();
  });
}

await blockingSend({
  type: 'AG_COSMOS_INIT',
  blockHeight: savedHeight,
  blockTime: now(),
  isBootstrap: savedHeight === 0,
  params,
});
for (let height = savedHeight + 1; !stopping && height <= savedHeight + lastBlocks; height += 1) {
  const block = { blockHeight: height, blockTime: now() };
  await blockingSend({ type: 'BEGIN_BLOCK', ...block, params });
  internals.controller.queueToVatRoot('bootstrap', 'block', [height], 'ignore');
  await blockingSend({ type: 'END_BLOCK', ...block });
  await blockingSend({ type: 'COMMIT_BLOCK', ...block });
  await blockingSend({ type: 'AFTER_COMMIT_BLOCK', ...block });
  console.log(`block ${height}`);
  if (height < savedHeight + lastBlocks) {
    await sleep(blockSeconds * 1000, undefined, { signal: stopped.signal }).catch(() => {});
  }
}

await shutdown();
storeMetrics?.unregister();
await hostStorage.close();
await metricsProvider?.shutdown();
