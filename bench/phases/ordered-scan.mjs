/** Calls `getNextKey` from the first key to the last. */
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { keyStore } from '../lib/inputs.mjs';
import { keyOf } from '../lib/kernel-data.mjs';
import { makePlan } from '../lib/plan.mjs';
import { fixed } from '../lib/sizes.mjs';

export const name = 'ordered-scan';
export const goal = 3;
export const input = keyStore;
export const sizes = { ...keyStore.sizes, passes: fixed(4) };
export const unit = 'key';

export const limit = {
  what: 'SQLite alone: a prepared SELECT … WHERE key > ? LIMIT 1 for each key',
  prepare: async ({ sizes: { keys, passes }, plan: dir }) => {
    const plan = makePlan({ repeat: passes });
    const sql = 'SELECT key FROM kvStore WHERE key > ? LIMIT 1';
    // The keys are ASCII, which JavaScript sorts as SQLite does.
    const sorted = Array.from({ length: keys }, (_, i) => keyOf(i)).sort();
    for (const key of ['', ...sorted]) plan.step(sql, key);
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

export const run = async ({ api, store, sizes: { passes }, measure }) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(store);
  const { getNextKey } = kernelStorage.kvStore;
  const checksum = makeChecksum();
  await measure(() => {
    for (let pass = 0; pass < passes; pass += 1) {
      for (let key = getNextKey(''); key !== undefined; key = getNextKey(key)) checksum.add(key);
    }
  });
  await hostStorage.close();
  const work = checksum.result();
  return { work, units: work.count };
};
