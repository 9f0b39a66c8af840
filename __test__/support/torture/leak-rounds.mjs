// Rounds of calls by impatient callers. Nothing that a round uses may stay in use.
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import * as api from '../../../index.mjs';

const {
  Database,
  archiveSwingStore,
  diffSwingStores,
  exportSwingStoreToDirectory,
  importSwingStore,
  importSwingStoreFromDirectory,
  initSwingStore,
  makeArchiveSnapshot,
  makeSwingStoreExporter,
  makeTranscriptStore,
  openSwingStore,
  openSwingStoreHistory,
  pruneSwingStore,
  reclaimSwingStoreSpace,
  repopulateSwingStore,
  repopulateSwingStoreFromDirectory,
  verifySwingStore,
} = api;

const image = Buffer.alloc(40_000, 'an image ');
const nothing = () => {};

/** Fails the round unless a promise or a call fails. */
const fails = async work => {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch {
    return;
  }
  throw Error(`this should have failed: ${work}`);
};

/** Makes a store, and an export of it, for all rounds. */
export const prepare = async base => {
  const dir = path.join(base, 'store');
  const { kernelStorage, hostStorage } = initSwingStore(dir, { keepSnapshots: true });
  const { kvStore, transcriptStore, snapStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  for (let span = 0; span < 3; span += 1) {
    for (let i = 0; i < 100; i += 1) transcriptStore.addItem('v1', `${span} ${i} `.repeat(100));
    await snapStore.saveSnapshot('v1', 100 * (span + 1), [image]);
    if (span < 2) await transcriptStore.rolloverSpan('v1');
  }
  for (let i = 0; i < 300; i += 1) kvStore.set(`key.${i}`, 'x'.repeat(i));
  await hostStorage.commit();
  await hostStorage.close();
  await exportSwingStoreToDirectory(dir, path.join(base, 'export'), { artifactMode: 'archival' });
  const damaged = path.join(base, 'damaged');
  fs.cpSync(path.join(base, 'export'), damaged, { recursive: true });
  fs.writeFileSync(path.join(damaged, 'transcript.v1.200.300'), 'not the items\n');
  fs.writeFileSync(path.join(base, 'no-database'), 'x'.repeat(10_000));
  fs.mkdirSync(path.join(base, 'no-store'));
  fs.writeFileSync(path.join(base, 'no-store', 'swingstore.sqlite'), 'x'.repeat(10_000));
  return { base, dir, from: path.join(base, 'export'), damaged, made: path.join(base, 'made') };
};

const throwing = (exporter, what) => ({
  ...exporter,
  [what]() {
    throw Error('the exporter is unhappy');
  },
});

async function* failing(chunk) {
  yield chunk;
  throw Error('the stream is unhappy');
}

const leave = async iterator => {
  for await (const _ of iterator) break;
};

const begin = async iterator => {
  iterator.next().catch(nothing);
};

/** All jobs that can be aborted. */
const jobs = ({ dir, base, from, made }) => [
  options => exportSwingStoreToDirectory(dir, made, options),
  options => importSwingStoreFromDirectory(from, made, options),
  options => verifySwingStore(dir, options),
  options => diffSwingStores(dir, from, options),
  options => archiveSwingStore(dir, made, options),
  options => pruneSwingStore(dir, { keep: 'debug', dryRun: true, ...options }),
  options => reclaimSwingStoreSpace(dir, { dryRun: true, ...options }),
  options => repopulateSwingStoreFromDirectory(from, dir, options),
  options => repopulateSwingStore(makeSwingStoreExporter(dir), dir, options),
  options => {
    const history = openSwingStoreHistory(dir);
    return history.listVats({ sizes: true, ...options });
  },
  options => api.repairSwingStoreFromDirectory(from, path.join(base, 'none'), options),
];

/** The rounds by kind. Each removes what it makes. */
export const kinds = {
  async 'open, use, close'({ dir, round }) {
    const { kernelStorage, hostStorage, debug } = openSwingStore(dir);
    kernelStorage.startCrank();
    kernelStorage.establishCrankSavepoint('x');
    kernelStorage.kvStore.set('key.1', `${round}`);
    kernelStorage.rollbackCrank('x');
    kernelStorage.kvStore.set('key.2', `${round} again`);
    kernelStorage.emitCrankHashes();
    kernelStorage.endCrank();
    debug.dump();
    await hostStorage.commit();
    await hostStorage.close();
    await fails(hostStorage.close());
    await fails(hostStorage.commit());
  },
  async 'open, drop'({ dir }) {
    const { kernelStorage, hostStorage } = openSwingStore(dir);
    kernelStorage.transcriptStore.readSpan('v1').next();
    hostStorage.kvStore.getNextKey('');
    kernelStorage.snapStore.loadSnapshot('v1').next();
    await leave(kernelStorage.snapStore.loadSnapshot('v1'));
  },
  async 'write, drop'({ made }) {
    const { kernelStorage } = initSwingStore(made);
    kernelStorage.startCrank();
    kernelStorage.kvStore.set('a', 'b'.repeat(100_000));
    kernelStorage.transcriptStore.initTranscript('v1');
    kernelStorage.transcriptStore.addItem('v1', 'item');
    initSwingStore().kernelStorage.kvStore.set('a', 'b'.repeat(100_000));
  },
  async 'exporters dropped'({ dir }) {
    const exporter = makeSwingStoreExporter(dir, { artifactMode: 'archival' });
    await leave(exporter.getExportData());
    await leave(exporter.getArtifact('transcript.v1.0.100'));
    begin(exporter.getArtifact('snapshot.v1.300'));
    begin(exporter.getExportData());
    await exporter.getArtifactNames().next();
  },
  async 'exporters closed while they are read'({ dir }) {
    const exporter = makeSwingStoreExporter(dir);
    const reading = [exporter.getExportData(), exporter.getArtifact('snapshot.v1.300')].map(async iterator => {
      await iterator.next();
      await iterator.next();
    });
    for (const promise of reading) promise.catch(nothing);
    await exporter.close();
    await fails(exporter.close());
    for (const promise of reading) await fails(promise);
  },
  async 'history closed, and dropped'({ dir }) {
    const history = openSwingStoreHistory(dir);
    begin(history.readItems('v1'));
    await leave(history.readItems('v1'));
    const never = history.listVats({ sizes: true });
    never.catch(nothing);
    await history.close();
    openSwingStoreHistory(dir).listSpans('v1').catch(nothing);
    begin(openSwingStoreHistory(dir).readItems('v1'));
  },
  async 'imports that fail'({ dir, made, round }) {
    const what = ['getExportData', 'getArtifactNames', 'getArtifact', 'close'][round % 4];
    const exporter = makeSwingStoreExporter(dir);
    await fails(importSwingStore(throwing(exporter, what), made));
    await fails(importSwingStore(throwing(exporter, what)));
    await exporter.close();
  },
  async 'imports whose artifacts fail'({ dir, made, round }) {
    const exporter = makeSwingStoreExporter(dir);
    const contents = [Buffer.from('no such item\n'), null, 7][round % 3];
    await fails(importSwingStore({ ...exporter, getArtifact: () => failing(contents), async close() {} }, made));
    await exporter.close();
  },
  async 'imports from directories that fail'({ damaged, made, base }) {
    await fails(importSwingStoreFromDirectory(damaged, made));
    await fails(importSwingStoreFromDirectory(base, made));
  },
  async 'imports not committed, and forgotten'({ from, made, dir }) {
    const { hostStorage } = await importSwingStoreFromDirectory(from, made);
    await hostStorage.close();
    await importSwingStore(makeSwingStoreExporter(dir), made);
  },
  async 'exports that fail'({ dir, base, made }) {
    await fails(exportSwingStoreToDirectory(dir, path.join(base, 'no-database')));
    await fails(exportSwingStoreToDirectory(path.join(base, 'no-store'), made));
    await fails(
      exportSwingStoreToDirectory(dir, made, {
        onProgress() {
          throw Error('enough');
        },
      }),
    );
  },
  async 'jobs aborted'(world) {
    const all = jobs(world);
    const { round } = world;
    const run = all[round % all.length];
    const controller = new AbortController();
    // Some jobs finish before the abort.
    const running = run({ signal: controller.signal, onProgress: nothing }).catch(nothing);
    for (let i = round % 7; i > 0; i -= 1) await setImmediate();
    controller.abort();
    const came = await running;
    if (came?.hostStorage) await came.hostStorage.close();
  },
  async 'callbacks that throw'({ made }) {
    const unhappy = () => {
      throw Error('the callback is unhappy');
    };
    const options = { exportCallback: unhappy, archiveSnapshot: unhappy, archiveTranscript: unhappy };
    const { kernelStorage, hostStorage } = initSwingStore(made, options);
    const { transcriptStore, snapStore } = kernelStorage;
    kernelStorage.startCrank();
    transcriptStore.initTranscript('v1');
    transcriptStore.addItem('v1', 'item');
    await fails(transcriptStore.rolloverSpan('v1'));
    await fails(snapStore.saveSnapshot('v1', 1, [image]));
    await fails(() => kernelStorage.endCrank());
    await fails(() => hostStorage.commit());
    await hostStorage.close();
  },
  async 'streams that fail'({ made }) {
    const { kernelStorage, hostStorage } = initSwingStore(made);
    const { snapStore } = kernelStorage;
    for (const contents of [image, null, Symbol('s'), {}])
      await fails(snapStore.saveSnapshot('v1', 1, failing(contents)));
    await hostStorage.close();
  },
  async 'promises never awaited'({ made, dir }) {
    const { kernelStorage, hostStorage } = initSwingStore(made);
    const { snapStore, transcriptStore } = kernelStorage;
    transcriptStore.initTranscript('v1');
    snapStore.saveSnapshot('v1', 1, [image]).catch(nothing);
    hostStorage.commit().catch(nothing);
    hostStorage.close();
    verifySwingStore(dir).catch(nothing);
    begin(makeSwingStoreExporter(dir).getExportData());
  },
  async 'databases and their statements'({ made, round }) {
    const db = new Database(made);
    db.exec('CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1), (2), (3)');
    db.prepare('SELECT a FROM t').iterate().next();
    makeTranscriptStore(new Database(':memory:'), nothing).initTranscript('v1');
    if (round % 2) db.close();
  },
  async 'files that are no stores'({ base, made }) {
    const bad = path.join(base, 'no-store');
    for (const open of [openSwingStore, makeSwingStoreExporter, openSwingStoreHistory]) await fails(() => open(bad));
    await fails(() => openSwingStore(made, { exportCallback: 7 }));
    await fails(verifySwingStore(made));
    await fails(() => initSwingStore(null, { serialized: Buffer.from('no database') }));
  },
  async 'traces and archives'({ made, round }) {
    const options = {
      traceFile: path.join(made, 'trace'),
      archiveSnapshot: makeArchiveSnapshot(made, api.nativeArchivePowers),
    };
    const { kernelStorage, hostStorage } = openSwingStore(made, options);
    kernelStorage.kvStore.set('a', 'b');
    kernelStorage.snapStore.saveSnapshot('v1', 1, [image]).catch(nothing);
    if (round % 2) await hostStorage.close();
  },
};

const threadProgram = `
const { workerData, parentPort } = require('node:worker_threads');
const { openSwingStore, makeSwingStoreExporter, verifySwingStore } = require(workerData.index);
const { kernelStorage } = openSwingStore(workerData.dir);
kernelStorage.transcriptStore.readSpan('v1').next();
makeSwingStoreExporter(workerData.dir).getExportData().next();
kernelStorage.snapStore.saveSnapshot('v9', 1, [Buffer.alloc(1_000_000, 'x')]).catch(() => {});
verifySwingStore(workerData.dir).catch(() => {});
parentPort.postMessage('begun');
if (workerData.wait) setInterval(() => {}, 1000); else process.exit();
`;

/** Removes a directory. Work that was not awaited may still write there. */
export const removeDirectory = async dir => {
  for (let tries = 50; ; tries -= 1) {
    try {
      return fs.rmSync(dir, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'ENOTEMPTY' || tries === 0) throw error;
      await sleep(10);
    }
  }
};

/** Starts a thread that ends, or is terminated, during its work. */
export const threadRound = async ({ base, dir, round }) => {
  const index = new URL('../../../index.js', import.meta.url).pathname;
  const wait = round % 100 === 0;
  // It writes, so it has its own store.
  const own = path.join(base, 'of-thread');
  fs.cpSync(dir, own, { recursive: true });
  const worker = new Worker(threadProgram, { eval: true, workerData: { index, dir: own, wait } });
  const exited = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  await new Promise(resolve => worker.once('message', resolve));
  if (wait) await worker.terminate();
  await exited;
  await removeDirectory(own);
};
