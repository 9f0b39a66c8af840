// Ends and archives spans, and saves and archives snapshots. Prints the outcome.
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';

const [, , implementation, storeDir, archiveDir] = process.argv;
if (implementation !== 'ours') await import('@endo/init/debug.js');
const api = await import(implementation === 'ours' ? '../../../../index.mjs' : '@agoric/swing-store');

const powers = api.nativeArchivePowers ?? { fs, path, tmp };
const { kernelStorage, hostStorage } = api.initSwingStore(storeDir, {
  archiveSnapshot: api.makeArchiveSnapshot(archiveDir, powers),
  archiveTranscript: api.makeArchiveTranscript(archiveDir, powers),
});
const { transcriptStore, snapStore } = kernelStorage;
// The archived data must be large and hardly compressible.
const noise = Array.from({ length: 2000 }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 0).toString(36)).join('');
transcriptStore.initTranscript('v1');
process.send?.('begun');
const outcomes = [];
for (let span = 0; span < 5; span += 1) {
  for (let i = 0; i < 20; i += 1) transcriptStore.addItem('v1', `${span} ${i} ${noise}`);
  for (const step of [
    () => snapStore.saveSnapshot('v1', span + 1, [Buffer.from(noise.repeat(20))]),
    () => transcriptStore.rolloverSpan('v1'),
  ]) {
    outcomes.push(
      await step().then(
        () => 'done',
        error => error.code,
      ),
    );
  }
}
await hostStorage.commit();
await hostStorage.close();
process.send?.('done');
console.log(JSON.stringify(outcomes));
process.disconnect?.();
