// One process of the chain: opens (or creates) a store, runs one part of the
// scenario on it block by block, and writes a report.
//
//   node run-part.mjs CONFIG     a JSON file:
//     part       'first', 'second' or 'third'
//     store      the directory of the store
//     bundles    the file that bundle.mjs made
//     record     the file of the export callback's data, which the parts share
//     archive    the directory for the archive callbacks' files
//     report     the report's file
//     keepSnapshots, keepTranscripts    the store's options

import '@endo/init/pre-bundle-source.js';
import '@endo/init';

import fs from 'node:fs';
import path from 'node:path';

import tmp from 'tmp';

import { initSwingStore, makeArchiveSnapshot, makeArchiveTranscript, openSwingStore } from '@agoric/swing-store';
import { initializeSwingset, makeSwingsetController } from '@agoric/swingset-vat';

import { makeExportRecord } from './export-record.mjs';
import { parts } from './scenario.mjs';
import { swingStoreInUse } from './swing-store-in-use.mjs';

const readJSON = file => JSON.parse(fs.readFileSync(file, 'utf8'));

const config = readJSON(process.argv[2]);
const bundles = readJSON(config.bundles);
const { kernel: kernelBundles, ...vatBundles } = bundles;

const exportRecord = makeExportRecord(config.record);
fs.mkdirSync(config.archive, { recursive: true });
const archivePowers = { fs, path, tmp };
const options = {
  exportCallback: exportRecord.callback,
  keepSnapshots: config.keepSnapshots,
  keepTranscripts: config.keepTranscripts,
  archiveSnapshot: makeArchiveSnapshot(config.archive, archivePowers),
  archiveTranscript: makeArchiveTranscript(config.archive, archivePowers),
};

const isNew = config.part === 'first';
const { kernelStorage, hostStorage } = isNew
  ? initSwingStore(config.store, options)
  : openSwingStore(config.store, options);

if (isNew) {
  const { bootstrap, ledger, fickle } = vatBundles;
  await initializeSwingset(
    {
      bootstrap: 'bootstrap',
      vats: { bootstrap: { bundle: bootstrap } },
      bundles: { ledger: { bundle: ledger }, fickle: { bundle: fickle } },
      // Pinned, since only the host refers to it.
      pinBootstrapRoot: true,
      defaultManagerType: 'xsnap',
      defaultReapInterval: 4,
      snapshotInitial: 3,
      snapshotInterval: 5,
    },
    [],
    kernelStorage,
    { kernelBundles },
  );
  hostStorage.kvStore.set('host.height', '0');
  await hostStorage.commit();
}

const controller = await makeSwingsetController(
  kernelStorage,
  {},
  {
    kernelBundle: kernelBundles.kernel,
    // Few workers, and new ones after each snapshot, so that vats are often
    // loaded from snapshots and replayed.
    warehousePolicy: { maxVatsOnline: 3, restartWorkerOnSnapshot: true },
  },
);

/** Permits one step of cleaning up per block. */
const makeRunPolicy = cleanup => {
  let mayCleanUp = true;
  return harden({
    allowCleanup: () => (mayCleanUp || cleanup === true) && cleanup,
    didCleanup: () => {
      mayCleanUp = false;
      return true;
    },
    vatCreated: () => true,
    crankComplete: () => true,
    crankFailed: () => true,
    emptyCrank: () => true,
  });
};

/** The result of a message as text that must be the same in two runs. */
const outcome = kpid => {
  const status = controller.kpStatus(kpid);
  if (status === 'unresolved') return { status };
  return { status, ...controller.kpResolution(kpid) };
};

const checkAnswer = ({ method, args, answer }, { status, body }) => {
  const words = `${method}(${args.map(arg => JSON.stringify(arg)).join(', ')})`;
  if (status !== 'fulfilled') {
    throw Error(`${words} should be fulfilled but is ${status}: ${body}`);
  }
  if (answer !== undefined && body !== `#${JSON.stringify(answer)}`) {
    throw Error(`${words} should answer ${JSON.stringify(answer)}, not ${body}`);
  }
};

const runBlock = async ({ messages, cleanup }) => {
  const kpids = messages.map(({ method, args }) => controller.queueToVatRoot('bootstrap', method, args));
  const cranks = await controller.run(makeRunPolicy(cleanup));
  const outcomes = kpids.map(outcome);
  messages.forEach((message, i) => checkAnswer(message, outcomes[i]));
  const height = Number(hostStorage.kvStore.get('host.height')) + 1;
  hostStorage.kvStore.set('host.height', `${height}`);
  await hostStorage.commit();
  const activityhash = controller.getActivityhash();
  return { height, cranks, activityhash, outcomes };
};

/** The bundle that is installed while the chain runs, in part two. */
const install = async messages => {
  const wanted = messages.some(({ args }) => args.includes('installed'));
  if (!wanted) return messages;
  const id = await controller.validateAndInstallBundle(harden(vatBundles['ledger-next']));
  return messages.map(({ args, ...rest }) => ({
    ...rest,
    args: args.map(arg => (arg === 'installed' ? id : arg)),
  }));
};

const blocks = [];
if (isNew) blocks.push(await runBlock({ messages: [], cleanup: true }));
for (const { messages, cleanup } of parts[config.part]) {
  blocks.push(await runBlock({ messages: await install(messages), cleanup }));
}
await controller.shutdown();
await hostStorage.close();

const exported = exportRecord.close();
const report = { blocks, exported, swingStore: swingStoreInUse() };
fs.writeFileSync(config.report, JSON.stringify(report, null, 2));
