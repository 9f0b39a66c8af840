/** Opening an existing store and closing it again, with nothing but one read in between. */
import { makeChecksum } from '../lib/checksum.mjs';
import { makeKeyStore } from '../lib/inputs.mjs';
import { keyOf } from '../lib/kernel-data.mjs';

export const name = 'open-close';
export const goal = 2;
export const prepare = makeKeyStore;

export const run = async ({ api, store, size, measure }) => {
  const checksum = makeChecksum();
  const rounds = size(800);
  await measure(async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { kernelStorage, hostStorage } = api.openSwingStore(store);
      // Nobody opens a store for nothing; whatever was put off has to be done now.
      checksum.add(kernelStorage.kvStore.get(keyOf(round)));
      await hostStorage.close();
    }
  });
  return { work: checksum.result() };
};
