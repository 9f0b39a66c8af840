/** Reads: 80 % of them of 5 % of the keys, 50 to a crank. */
import { makeChecksum } from '../lib/checksum.mjs';
import { keyCount, makeKeyStore } from '../lib/inputs.mjs';
import { keyOf } from '../lib/kernel-data.mjs';
import { makeRandom } from '../lib/random.mjs';

export const name = 'kv-get';
export const goal = 20;
export const prepare = makeKeyStore;

const perCrank = 50;

/** The numbers of the keys to read. Those that are read often lie scattered over the store. */
const choose = (count, keys) => {
  const random = makeRandom(10);
  const hot = Array.from({ length: Math.ceil(keys / 20) }, () => random.below(keys));
  return Uint32Array.from({ length: count }, () => (random.chance(0.8) ? random.pick(hot) : random.below(keys)));
};

export const run = async ({ api, store, size, measure }) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(store);
  const { kvStore, startCrank, endCrank } = kernelStorage;
  const keys = Array.from({ length: size(keyCount) }, (_, i) => keyOf(i));
  const chosen = choose(size(400_000), keys.length);
  const checksum = makeChecksum();
  await measure(() => {
    for (let from = 0; from < chosen.length; from += perCrank) {
      startCrank();
      for (const i of chosen.subarray(from, from + perCrank)) checksum.add(kvStore.get(keys[i]));
      endCrank();
    }
  });
  await hostStorage.close();
  return { work: checksum.result() };
};
