/** A terminated vat's snapshots and transcript, deleted a few at a time, as the kernel does between blocks. */
import { makeChecksum } from '../lib/checksum.mjs';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { makeManySpans } from '../lib/inputs.mjs';

export const name = 'budgeted-deletion';
export const goal = 2;
export const prepare = makeManySpans;

const budget = 5;
const cranksPerCommit = 100;

export const run = async ({ api, store, measure }) => {
  const exported = makeChecksum();
  const exportCallback = entries => {
    for (const [key] of entries) exported.add(key);
  };
  const { kernelStorage, hostStorage } = api.openSwingStore(store, { exportCallback, keepSnapshots: true });
  const { snapStore, transcriptStore, startCrank, establishCrankSavepoint, emitCrankHashes, endCrank } = kernelStorage;
  snapStore.stopUsingLastSnapshot('v1');
  await transcriptStore.stopUsingTranscript('v1');
  await hostStorage.commit();
  const clock = makeCommitClock(hostStorage);
  let cranks = 0;
  let cleanups = 0;
  const deleteAll = async deleteSome => {
    for (let done = false; !done; ) {
      startCrank();
      establishCrankSavepoint('deliver');
      const progress = deleteSome('v1', budget);
      emitCrankHashes();
      endCrank();
      done = progress.done;
      cleanups += progress.cleanups;
      cranks += 1;
      if (cranks % cranksPerCommit === 0) await clock.commit();
    }
  };
  await measure(async () => {
    await deleteAll(snapStore.deleteVatSnapshots);
    await deleteAll(transcriptStore.deleteVatTranscripts);
    await clock.commit();
  });
  const activityhash = kernelStorage.getActivityhash();
  await hostStorage.close();
  return {
    work: { activityhash, cranks, cleanups, exported: exported.result() },
    figures: { commit: clock.seconds() },
  };
};
