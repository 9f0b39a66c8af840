/** Deletes a terminated vat's snapshots and transcript in small steps, as the kernel does between blocks. */
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { manySpans } from '../lib/inputs.mjs';
import { storeIn } from '../lib/paths.mjs';
import { makePlan } from '../lib/plan.mjs';
import { fixed } from '../lib/sizes.mjs';

export const name = 'budgeted-deletion';
export const goal = 1.5;
export const limitGoal = 1.2;
export const input = manySpans;
// The most cranks for the snapshots and for the spans; by default, as many as necessary.
export const sizes = { ...manySpans.sizes, cranks: fixed(1_000_000) };
export const unit = 'crank';
export const growth = { sizes: { spans: 600 }, fixed: { cranks: 110 }, factor: 10 };

const budget = 5;
const cranksPerCommit = 100;

const sql = {
  list: 'SELECT startPos, endPos FROM transcriptSpans WHERE vatID = ? ORDER BY startPos DESC LIMIT ?',
  items: 'DELETE FROM transcriptItems WHERE vatID = ? AND position >= ? AND position < ?',
  span: 'DELETE FROM transcriptSpans WHERE vatID = ? AND startPos = ?',
  listSnapshots: 'SELECT snapPos FROM snapshots WHERE vatID = ? ORDER BY snapPos DESC LIMIT ?',
  snapshot: 'DELETE FROM snapshots WHERE vatID = ? AND snapPos = ?',
};

export const limit = {
  what: 'SQLite alone: listing and deleting the same rows by prepared statements, in the same transactions',
  prepare: async ({ api, input: from, sizes: { cranks }, plan: dir }) => {
    const { internal, hostStorage } = api.openSwingStore(storeIn(from));
    const snapshots = [...internal.snapStore.listAllSnapshots()].map(({ snapPos }) => snapPos).reverse();
    const { transcriptStore } = internal;
    const records = [...transcriptStore.getExportRecords(true)].map(([, record]) => JSON.parse(record));
    const spans = records.filter(({ startPos }) => startPos !== undefined).sort((a, b) => b.startPos - a.startPos);
    await hostStorage.close();

    const plan = makePlan();
    let made = 0;
    const inCranks = (list, remove) => {
      for (let at = 0; at < Math.min(list.length, cranks * budget); at += budget) {
        plan.crank(() => remove(list.slice(at, at + budget)));
        made += 1;
        if (made % cranksPerCommit === 0) plan.commit();
      }
    };
    inCranks(snapshots, some => {
      plan.step(sql.listSnapshots, 'v1', budget);
      for (const snapPos of some) plan.step(sql.snapshot, 'v1', snapPos);
    });
    inCranks(spans, some => {
      plan.step(sql.list, 'v1', budget);
      for (const { startPos, endPos } of some) {
        plan.step(sql.items, 'v1', startPos, endPos);
        plan.step(sql.span, 'v1', startPos);
      }
    });
    plan.commit();
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

export const run = async ({ api, store, sizes: wanted, measure }) => {
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
  const deleteMany = async deleteSome => {
    let done = false;
    for (let left = wanted.cranks; left > 0 && !done; left -= 1) {
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
    await deleteMany(snapStore.deleteVatSnapshots);
    await deleteMany(transcriptStore.deleteVatTranscripts);
    await clock.commit();
  });
  const activityhash = kernelStorage.getActivityhash();
  await hostStorage.close();
  return {
    work: { activityhash, cranks, cleanups, exported: exported.result() },
    units: cranks,
    figures: { commit: clock.seconds() },
  };
};
