import { expect, test } from '@jest/globals';
import { initSwingStore } from '@agoric/swing-store';

// A store without a directory is in memory, so each test can have its own.

test('a crank can be rolled back', async () => {
  const { kernelStorage, hostStorage } = initSwingStore();
  const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, emitCrankHashes, endCrank } = kernelStorage;

  startCrank();
  establishCrankSavepoint('before');
  kvStore.set('color', 'red');
  rollbackCrank('before');
  expect(kvStore.has('color')).toBe(false);
  kvStore.set('color', 'blue');
  const { crankhash } = emitCrankHashes();
  endCrank();
  await hostStorage.commit();

  expect(kvStore.get('color')).toBe('blue');
  expect(crankhash).toMatch(/^[0-9a-f]{64}$/);
  await hostStorage.close();
});

test('the kernel cannot write keys of the host', () => {
  const { kernelStorage } = initSwingStore();
  const refused = () => kernelStorage.kvStore.set('host.height', '1');
  expect(refused).toThrow(Error);
  expect(refused).toThrow('kernelKVStore refuses host keys');
});

test('a store can be copied as bytes', async () => {
  const first = initSwingStore();
  first.kernelStorage.kvStore.set('color', 'green');
  await first.hostStorage.commit();
  const second = initSwingStore(null, { serialized: first.debug.serialize() });
  expect(second.debug.dump()).toStrictEqual(first.debug.dump());
});
