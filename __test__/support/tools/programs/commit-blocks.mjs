// Commits blocks on a store like a kernel, until its parent stops it. Then prints the number of blocks, and the longest
// waits for the lock and for a commit.
import '@endo/init/debug.js';

import { setTimeout } from 'node:timers/promises';

import { reference, subject } from '../../common/implementations.mjs';

const [, , which, dir, idle] = process.argv;
const { api } = { reference, subject }[which];

const { kernelStorage, hostStorage } = api.openSwingStore(dir);
const { kvStore, transcriptStore, snapStore } = kernelStorage;

let stopping = false;
process.on('message', () => (stopping = true));

const vatID = 'v777';
const longest = { wait: 0, commit: 0 };
const timed = async (what, fn) => {
  const begun = performance.now();
  await fn();
  longest[what] = Math.max(longest[what], performance.now() - begun);
};

let blocks = 0;
for (; !stopping; blocks += 1) {
  // The first write of a block begins its transaction.
  await timed('wait', () => hostStorage.kvStore.set('host.height', `${blocks}`));
  if (blocks === 0 && !kvStore.has('writer')) {
    kvStore.set('writer', 'yes');
    transcriptStore.initTranscript(vatID);
  }
  kernelStorage.startCrank();
  for (let i = 0; i < 10; i += 1) {
    kvStore.set(`writer.${(blocks + i) % 50}`, `${blocks}`.repeat(20));
    transcriptStore.addItem(vatID, `block ${blocks} delivery ${i} ${'x'.repeat(500)}`);
  }
  if (blocks % 10 === 9) {
    await snapStore.saveSnapshot(vatID, blocks * 10, [Buffer.alloc(200_000, `image ${blocks}`)]);
    await transcriptStore.rolloverSpan(vatID);
  }
  kernelStorage.emitCrankHashes();
  kernelStorage.endCrank();
  await timed('commit', () => hostStorage.commit());
  if (blocks === 0) process.send('begun');
  await setTimeout(Number(idle));
}
await hostStorage.close();
process.send({ blocks, ...longest }, () => process.disconnect());
