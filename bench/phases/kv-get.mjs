/**
 * Reads keys in cranks of 50 reads: 80 % of the reads concern 5 % of the keys. A kernel runs for months, so some reads
 * happen before the measurement; `--size kv-get.warmUp=1` starts cold. With `--size kv-get.savepoints=1`, each crank has a
 * savepoint, so that the reads are in a transaction, with a commit every 100 cranks.
 */
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { keyStore } from '../lib/inputs.mjs';
import { keyOf } from '../lib/kernel-data.mjs';
import { makePlan, statements } from '../lib/plan.mjs';
import { makeRandom } from '../lib/random.mjs';
import { fixed } from '../lib/sizes.mjs';

export const name = 'kv-get';
export const goal = 20;
export const input = keyStore;
export const sizes = { ...keyStore.sizes, reads: 1_000_000, warmUp: 2_000_000, savepoints: fixed(0) };
export const unit = 'read';
export const growth = { sizes: { keys: 100_000 }, factor: 10 };

const perCrank = 50;
const cranksPerCommit = 100;

/** The numbers of the keys to read. The frequent ones are scattered over the store. */
const choose = ({ keys, reads, warmUp }) => {
  const random = makeRandom(10);
  const hot = Array.from({ length: Math.ceil(keys / 20) }, () => random.below(keys));
  const numbers = Uint32Array.from({ length: warmUp + reads }, () =>
    random.chance(0.8) ? random.pick(hot) : random.below(keys),
  );
  return { before: numbers.subarray(0, warmUp), measured: numbers.subarray(warmUp) };
};

/** The reads of each crank. */
function* cranksOf(chosen) {
  for (let from = 0; from < chosen.length; from += perCrank) yield chosen.subarray(from, from + perCrank);
}

export const limit = {
  what: 'SQLite alone: one prepared SELECT for each read',
  prepare: async ({ sizes: wanted, plan: dir }) => {
    const plan = makePlan();
    let cranks = 0;
    for (const reads of cranksOf(choose(wanted).measured)) {
      const savepoint = wanted.savepoints > 0;
      plan.crank(() => reads.forEach(i => plan.step(statements.get, keyOf(i))), { emit: false, savepoint });
      cranks += 1;
      if (cranks % cranksPerCommit === 0) plan.commit();
    }
    plan.commit();
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

export const run = async ({ api, store, sizes: wanted, measure }) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(store);
  const { kvStore, startCrank, establishCrankSavepoint, endCrank } = kernelStorage;
  const keys = Array.from({ length: wanted.keys }, (_, i) => keyOf(i));
  const { before, measured } = choose(wanted);
  const checksum = makeChecksum();
  const readAll = async (chosen, commit) => {
    let cranks = 0;
    for (const reads of cranksOf(chosen)) {
      startCrank();
      if (wanted.savepoints > 0) establishCrankSavepoint('deliver');
      for (const i of reads) checksum.add(kvStore.get(keys[i]));
      endCrank();
      cranks += 1;
      if (cranks % cranksPerCommit === 0) await commit();
    }
    await commit();
  };
  await readAll(before, hostStorage.commit);
  const clock = makeCommitClock(hostStorage);
  await measure(() => readAll(measured, clock.commit));
  await hostStorage.close();
  return { work: checksum.result(), units: measured.length, figures: { commit: clock.seconds() } };
};
