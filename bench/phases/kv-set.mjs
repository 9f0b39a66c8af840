/** Sets new keys, 50 per crank, with a kernel's other calls around them. */
import path from 'node:path';
import { makeExportChecksum } from '../lib/checksum.mjs';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { keysBefore } from '../lib/inputs.mjs';
import { keyOf, valueOf } from '../lib/kernel-data.mjs';
import { makePlan, statements } from '../lib/plan.mjs';
import { makeRandom } from '../lib/random.mjs';

export const name = 'kv-set';
export const limitGoal = 1.2;
export const input = keysBefore;
export const sizes = { keys: 80_000, ...keysBefore.sizes };
export const unit = 'key';
export const growth = { sizes: { before: 100_000 }, factor: 10 };

const perCrank = 50;
const cranksPerCommit = 100;

/** The new entries of each crank. */
const makeCranks = ({ before, keys }) => {
  const random = makeRandom(20);
  const entries = Array.from({ length: keys }, (_, i) => [keyOf(before + i), valueOf(before + i, random)]);
  return Array.from({ length: Math.ceil(keys / perCrank) }, (_, i) => entries.slice(i * perCrank, (i + 1) * perCrank));
};

export const limit = {
  what: 'SQLite alone: the keys and each activityhash by one prepared INSERT, in the same savepoints and transactions',
  prepare: async ({ sizes: wanted, plan: dir }) => {
    const plan = makePlan();
    for (const [i, entries] of makeCranks(wanted).entries()) {
      plan.crank(() => entries.forEach(entry => plan.step(statements.set, ...entry)));
      if (i % cranksPerCommit === cranksPerCommit - 1) plan.commit();
    }
    plan.commit();
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

export const run = async ({ api, store, sizes: wanted, measure }) => {
  const { exported, exportCallback } = makeExportChecksum();
  const { kernelStorage, hostStorage } = api.openSwingStore(store, { exportCallback });
  const { kvStore, startCrank, establishCrankSavepoint, emitCrankHashes, endCrank } = kernelStorage;
  const cranks = makeCranks(wanted);
  const clock = makeCommitClock(hostStorage);
  await measure(async () => {
    for (const [i, entries] of cranks.entries()) {
      startCrank();
      establishCrankSavepoint('deliver');
      for (const [key, value] of entries) kvStore.set(key, value);
      emitCrankHashes();
      endCrank();
      if (i % cranksPerCommit === cranksPerCommit - 1) await clock.commit();
    }
    await clock.commit();
  });
  const activityhash = kernelStorage.getActivityhash();
  await hostStorage.close();
  return {
    work: { activityhash, exported: exported.result() },
    units: wanted.keys,
    figures: { commit: clock.seconds() },
  };
};
