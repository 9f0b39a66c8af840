// Uses stores, exporters and their iterators, and drops them without closing or finishing them. Prints the process's
// numbers of files and threads after the first rounds and after the last.
import fs from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { importSwingStore, initSwingStore, makeSwingStoreExporter, openSwingStore } from '../../../../index.mjs';

const [dir, rounds] = [process.argv[2], Number(process.argv[3])];

const store = initSwingStore(dir);
store.kernelStorage.transcriptStore.initTranscript('v1');
for (let i = 0; i < 300; i += 1) store.kernelStorage.transcriptStore.addItem('v1', `${i} `.repeat(1000));
await store.kernelStorage.snapStore.saveSnapshot('v1', 3, [Buffer.alloc(2_000_000, 'an image')]);
await store.hostStorage.commit();
await store.hostStorage.close();

/** Leaves a loop with `break`, which calls the iterator's `return`. */
const leave = async iterator => {
  for await (const _ of iterator) break;
};

const endless = {
  getExportData: () => makeSwingStoreExporter(dir).getExportData(),
  async *getArtifactNames() {
    yield 'transcript.v1.0.300';
  },
  async *getArtifact() {
    yield Buffer.from('an item that is not the one\n');
    throw Error('and no more');
  },
  async close() {},
};

const round = async () => {
  const { kernelStorage } = openSwingStore(dir);
  const { snapStore, transcriptStore } = kernelStorage;
  transcriptStore.readSpan('v1').next();
  await leave(snapStore.loadSnapshot('v1'));
  await snapStore
    .loadSnapshot('v1')
    .throw(Error('never mind'))
    .catch(() => {});
  snapStore.loadSnapshot('v1').next();

  const exporter = makeSwingStoreExporter(dir, { artifactMode: 'archival' });
  await leave(exporter.getExportData());
  await leave(exporter.getArtifact('transcript.v1.0.300'));
  exporter.getArtifact('snapshot.v1.3').next();
  await exporter.getArtifactNames().next();

  await importSwingStore(endless).catch(() => {});
};

const collect = async () => {
  for (let i = 0; i < 4; i += 1) {
    globalThis.gc();
    await sleep(20);
  }
  return ['fd', 'task'].map(kind => fs.readdirSync(`/proc/self/${kind}`).length);
};

const perform = async count => {
  for (let i = 0; i < count; i += 1) {
    await round();
    if (i % 20 === 19) await collect();
  }
  return collect();
};

const early = await perform(40);
const late = await perform(rounds);
console.log(JSON.stringify({ early, late }));
