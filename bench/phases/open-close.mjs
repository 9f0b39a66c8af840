/** Opens and closes an existing store, with one read in between. */
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { keyStore } from '../lib/inputs.mjs';
import { keyOf } from '../lib/kernel-data.mjs';
import { makePlan, statements } from '../lib/plan.mjs';

export const name = 'open-close';
export const goal = 2;
export const input = keyStore;
export const sizes = { ...keyStore.sizes, rounds: 800 };
export const unit = 'opening';

export const limit = {
  what: 'SQLite alone: opening the file, WAL and synchronous set, one SELECT, closing',
  prepare: async ({ sizes: { rounds }, plan: dir }) => {
    const plan = makePlan();
    for (let round = 0; round < rounds; round += 1) plan.step(statements.get, keyOf(round));
    await plan.write(path.join(dir, 'plan'));
    return { command: ['open', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

export const run = async ({ api, store, sizes: { rounds }, measure }) => {
  const checksum = makeChecksum();
  await measure(async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { kernelStorage, hostStorage } = api.openSwingStore(store);
      // A read completes work that opening may have postponed.
      checksum.add(kernelStorage.kvStore.get(keyOf(round)) ?? '');
      await hostStorage.close();
    }
  });
  return { work: checksum.result(), units: rounds };
};
