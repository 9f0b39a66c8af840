import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { initSwingStore } from '@agoric/swing-store';

// jest runs each test file in a process, and this test starts a thread. Stores cannot
// be passed between threads, but each thread can have its own.
test('a worker thread can have its own stores', async () => {
  const { kernelStorage } = initSwingStore();
  kernelStorage.kvStore.set('where', 'here');
  const said = await new Promise((resolve, reject) => {
    new Worker(new URL('worker.js', import.meta.url)).once('message', resolve).once('error', reject);
  });
  expect(said).toBe('elsewhere');
  expect(kernelStorage.kvStore.get('where')).toBe('here');
});
