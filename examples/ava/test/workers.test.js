import { Worker } from 'node:worker_threads';
import test from 'ava';
import { initSwingStore } from '@agoric/swing-store';

// ava runs each test file in a worker thread, and this test starts another. Stores
// cannot be passed between threads, but each thread can have its own.
test('a worker thread can have its own stores', async t => {
  const { kernelStorage } = initSwingStore();
  kernelStorage.kvStore.set('where', 'here');
  const said = await new Promise((resolve, reject) => {
    new Worker(new URL('worker.js', import.meta.url)).once('message', resolve).once('error', reject);
  });
  t.is(said, 'elsewhere');
  t.is(kernelStorage.kvStore.get('where'), 'here');
});
