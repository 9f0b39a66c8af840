// A kernel that commits three blocks, begins a fourth, and is killed in its middle: `kernel-that-dies.mjs DIR`.
import process from 'node:process';

import { openSwingStore } from '../../../../index.mjs';

const { kernelStorage, hostStorage } = openSwingStore(process.argv[2]);
const { kvStore, transcriptStore, startCrank, emitCrankHashes, endCrank } = kernelStorage;
transcriptStore.initTranscript('v1');
for (let height = 1; ; height += 1) {
  startCrank();
  kvStore.set('counter', `${height}`);
  for (let i = 0; i < 50; i += 1) transcriptStore.addItem('v1', `{"d":["${height} ${i}"]}`);
  await transcriptStore.rolloverSpan('v1');
  emitCrankHashes();
  endCrank();
  hostStorage.kvStore.set('host.height', `${height}`);
  if (height === 4) process.kill(process.pid, 'SIGKILL');
  await hostStorage.commit();
}
