/** Cranks that read, write, overwrite, test and delete keys; every tenth is rolled back. */
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { keyStore } from '../lib/inputs.mjs';
import { keyOf, valueOf } from '../lib/kernel-data.mjs';
import { makePlan, statements } from '../lib/plan.mjs';
import { makeRandom } from '../lib/random.mjs';

export const name = 'crank-mix';
export const limitGoal = 1.2;
export const input = keyStore;
export const sizes = { ...keyStore.sizes, cranks: 4000 };
export const unit = 'crank';

const cranksPerCommit = 100;
const times = (count, make) => Array.from({ length: count }, (_, i) => make(i));
const rollsBack = i => i % 10 === 9;
const commits = i => i % cranksPerCommit === cranksPerCommit - 1;

/** The calls of one crank. A kernel has recently read most of what it reads. */
const planCrank = (crank, keys, random) => {
  const recent = times(8, () => random.below(Math.ceil(keys / 20)) * 20);
  const anyKey = () => keyOf(random.chance(0.8) ? random.pick(recent) : random.below(keys));
  return {
    gets: times(20, anyKey),
    overwrites: times(6, () => [anyKey(), valueOf(1, random)]),
    adds: times(4, i => [keyOf(keys + crank * 4 + i), valueOf(2, random)]),
    asks: times(4, anyKey),
    deletions: times(2, () => keyOf(random.below(keys))),
  };
};

const planCranks = ({ keys, cranks }) => {
  const random = makeRandom(30);
  return times(cranks, crank => planCrank(crank, keys, random));
};

export const limit = {
  what: 'SQLite alone: a prepared statement for each call, in the same savepoints, rollbacks and transactions',
  prepare: async ({ sizes: wanted, plan: dir }) => {
    const plan = makePlan();
    for (const [i, { gets, overwrites, adds, asks, deletions }] of planCranks(wanted).entries()) {
      const work = () => {
        for (const key of gets) plan.step(statements.get, key);
        for (const entry of [...overwrites, ...adds]) plan.step(statements.set, ...entry);
        for (const key of asks) plan.step(statements.get, key);
        for (const key of deletions) plan.step(statements.remove, key);
        for (const [key] of overwrites) plan.step(statements.get, key);
      };
      plan.crank(work, { rollback: rollsBack(i) });
      if (commits(i)) plan.commit();
    }
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
  const { kernelStorage, hostStorage } = api.openSwingStore(store, { exportCallback });
  const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, emitCrankHashes, endCrank } = kernelStorage;
  const cranks = planCranks(wanted);
  const seen = makeChecksum();
  let found = 0;
  const clock = makeCommitClock(hostStorage);
  await measure(async () => {
    for (const [i, { gets, overwrites, adds, asks, deletions }] of cranks.entries()) {
      startCrank();
      establishCrankSavepoint('deliver');
      for (const key of gets) seen.add(kvStore.get(key) ?? '');
      for (const [key, value] of overwrites) kvStore.set(key, value);
      for (const [key, value] of adds) kvStore.set(key, value);
      for (const key of asks) found += kvStore.has(key) ? 1 : 0;
      for (const key of deletions) kvStore.delete(key);
      // Reads the key that was just written.
      for (const [key] of overwrites) seen.add(kvStore.get(key) ?? '');
      if (rollsBack(i)) rollbackCrank('deliver');
      emitCrankHashes();
      endCrank();
      if (commits(i)) await clock.commit();
    }
    await clock.commit();
  });
  const activityhash = kernelStorage.getActivityhash();
  await hostStorage.close();
  return {
    work: { activityhash, found, seen: seen.result(), exported: exported.result() },
    units: cranks.length,
    figures: { commit: clock.seconds() },
  };
};
