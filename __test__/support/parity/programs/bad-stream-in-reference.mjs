// Passes a bad stream to the reference, in a separate process. Prints a last line if the process survives.
import '@endo/init/debug.js';

import { Buffer } from 'node:buffer';
import process from 'node:process';
import { importSwingStore, initSwingStore } from '@agoric/swing-store';

const seed = '3a1b62cfb28f8a1e0a5d1e0f9ea9f7e1d5ba7f4a3c3b0ea6ce4d2ba4bb4a8d77';

const cases = {
  async snapshotStreamFails() {
    const { snapStore } = initSwingStore().kernelStorage;
    const stream = (async function* bad() {
      yield Buffer.from('x');
      throw Error('the stream is unhappy');
    })();
    await snapStore.saveSnapshot('v1', 1, stream);
  },
  async snapshotStreamNotBytes() {
    const { snapStore } = initSwingStore().kernelStorage;
    await snapStore.saveSnapshot('v1', 1, [7]);
  },
  async snapshotCorrupt() {
    const { kernelStorage, debug } = initSwingStore();
    const { snapStore } = kernelStorage;
    await snapStore.saveSnapshot('v1', 1, [Buffer.from('x')]);
    debug.getDatabase().exec(`UPDATE snapshots SET compressedSnapshot = X'1234'`);
    for await (const _chunk of snapStore.loadSnapshot('v1')) {
      // Unrelated work.
    }
  },
  async loadSnapshotLeftEarly() {
    const { snapStore } = initSwingStore().kernelStorage;
    await snapStore.saveSnapshot('v1', 1, [Buffer.alloc(3_000_000, 'a heap image ')]);
    for await (const _chunk of snapStore.loadSnapshot('v1')) break;
  },
  async importStreamFails() {
    const record = { vatID: 'v1', snapPos: 1, hash: seed, inUse: 1 };
    await importSwingStore({
      getExportData: () => [['snapshot.v1.1', JSON.stringify(record)]],
      getArtifactNames: () => ['snapshot.v1.1'],
      async *getArtifact() {
        yield Buffer.from('x');
        throw Error('the stream is unhappy');
      },
      async close() {},
    });
  },
  async archiverForgotten() {
    const archiveTranscript = async () => {
      throw Error('the archiver is unhappy');
    };
    const { transcriptStore } = initSwingStore(null, {
      archiveTranscript,
    }).kernelStorage;
    transcriptStore.initTranscript('v1');
    await transcriptStore.rolloverSpan('v1');
  },
};

const outcome = await cases[process.argv[2]]().then(
  () => 'fulfilled',
  error => `rejected: ${error.message}`,
);
// Errors outside the call occur slightly later.
await new Promise(resolve => setTimeout(resolve, 100));
console.log(`came through, ${outcome}`);
