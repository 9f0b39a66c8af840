// Ends spans and saves snapshots, archiving them, until it is done or killed; then says how it went.
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
// What is archived must not be small, and not compress well.
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
