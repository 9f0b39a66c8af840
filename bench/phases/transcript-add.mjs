/** Deliveries to 20 vats: an item of 2.8 kB in each crank, spans of 200 items, a commit every 100 cranks. */
import { makeExportChecksum } from '../lib/checksum.mjs';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { vatIDs } from '../lib/inputs.mjs';
import { itemPool } from '../lib/kernel-data.mjs';
import { makeRandom } from '../lib/random.mjs';

export const name = 'transcript-add';
export const goal = 5;

const itemsPerSpan = 200;
const cranksPerCommit = 100;

export const run = async ({ api, store, size, measure }) => {
  const { exported, exportCallback } = makeExportChecksum();
  const { kernelStorage, hostStorage } = api.initSwingStore(store, { exportCallback });
  const { transcriptStore, startCrank, establishCrankSavepoint, emitCrankHashes, endCrank } = kernelStorage;
  for (const vatID of vatIDs) transcriptStore.initTranscript(vatID);
  const pool = itemPool(makeRandom(40), 500, 2800);
  const cranks = size(16_000);
  const clock = makeCommitClock(hostStorage);
  await measure(async () => {
    for (let crank = 0; crank < cranks; crank += 1) {
      const vatID = vatIDs[crank % vatIDs.length];
      startCrank();
      establishCrankSavepoint('deliver');
      transcriptStore.addItem(vatID, pool[crank % pool.length]);
      // Each vat's span is full at another moment.
      if (crank % itemsPerSpan === itemsPerSpan - 1) {
        await transcriptStore.rolloverSpan(vatIDs[Math.floor(crank / itemsPerSpan) % vatIDs.length]);
      }
      emitCrankHashes();
      endCrank();
      if (crank % cranksPerCommit === cranksPerCommit - 1) await clock.commit();
    }
    await clock.commit();
  });
  const spans = vatIDs.map(vatID => {
    const { endPos, hash } = transcriptStore.getCurrentSpanBounds(vatID);
    return [endPos, hash];
  });
  const activityhash = kernelStorage.getActivityhash();
  await hostStorage.close();
  return { work: { activityhash, exported: exported.result(), spans }, figures: { commit: clock.seconds() } };
};
