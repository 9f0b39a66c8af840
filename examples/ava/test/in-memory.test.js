import test from 'ava';
import { initSwingStore } from '@agoric/swing-store';

// A store without a directory is in memory, so each test can have its own.

test('a crank can be rolled back', async t => {
  const { kernelStorage, hostStorage } = initSwingStore();
  const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, emitCrankHashes, endCrank } = kernelStorage;

  startCrank();
  establishCrankSavepoint('before');
  kvStore.set('color', 'red');
  rollbackCrank('before');
  t.false(kvStore.has('color'));
  kvStore.set('color', 'blue');
  const { crankhash } = emitCrankHashes();
  endCrank();
  await hostStorage.commit();

  t.is(kvStore.get('color'), 'blue');
  t.regex(crankhash, /^[0-9a-f]{64}$/);
  await hostStorage.close();
});

test('the kernel cannot write keys of the host', t => {
  const { kernelStorage } = initSwingStore();
  t.throws(() => kernelStorage.kvStore.set('host.height', '1'), {
    instanceOf: Error,
    message: 'kernelKVStore refuses host keys',
  });
});

test('a store can be copied as bytes', async t => {
  const first = initSwingStore();
  first.kernelStorage.kvStore.set('color', 'green');
  await first.hostStorage.commit();
  const second = initSwingStore(null, { serialized: first.debug.serialize() });
  t.deepEqual(second.debug.dump(), first.debug.dump());
});
