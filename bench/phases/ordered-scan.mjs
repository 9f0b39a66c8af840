/** `getNextKey` from the first key to the last. */
import { makeChecksum } from '../lib/checksum.mjs';
import { makeKeyStore } from '../lib/inputs.mjs';

export const name = 'ordered-scan';
export const goal = 3;
export const prepare = makeKeyStore;

const passes = 4;

export const run = async ({ api, store, measure }) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(store);
  const { getNextKey } = kernelStorage.kvStore;
  const checksum = makeChecksum();
  await measure(() => {
    for (let pass = 0; pass < passes; pass += 1) {
      for (let key = getNextKey(''); key !== undefined; key = getNextKey(key)) checksum.add(key);
    }
  });
  await hostStorage.close();
  return { work: checksum.result() };
};
