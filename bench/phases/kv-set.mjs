/** New keys, 50 to a crank, with what a kernel does around them. */
import { makeExportChecksum } from '../lib/checksum.mjs';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { keyOf, valueOf } from '../lib/kernel-data.mjs';
import { makeRandom } from '../lib/random.mjs';

export const name = 'kv-set';
export const goal = 8;

const perCrank = 50;
const cranksPerCommit = 100;

export const run = async ({ api, store, size, measure }) => {
  const { exported, exportCallback } = makeExportChecksum();
  const { kernelStorage, hostStorage } = api.initSwingStore(store, { exportCallback });
  const { kvStore, startCrank, establishCrankSavepoint, emitCrankHashes, endCrank } = kernelStorage;
  const random = makeRandom(20);
  const entries = Array.from({ length: size(80_000) }, (_, i) => [keyOf(i), valueOf(i, random)]);
  const clock = makeCommitClock(hostStorage);
  await measure(async () => {
    for (let from = 0, crank = 1; from < entries.length; from += perCrank, crank += 1) {
      startCrank();
      establishCrankSavepoint('deliver');
      for (const [key, value] of entries.slice(from, from + perCrank)) kvStore.set(key, value);
      emitCrankHashes();
      endCrank();
      if (crank % cranksPerCommit === 0) await clock.commit();
    }
    await clock.commit();
  });
  const activityhash = kernelStorage.getActivityhash();
  await hostStorage.close();
  return { work: { activityhash, exported: exported.result() }, figures: { commit: clock.seconds() } };
};
