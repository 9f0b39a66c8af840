// The settings of the tests, from the environment.
//
//   SWING_STORE_SUBJECT=reference   compare the reference with itself, to test the tests
//   SWING_STORE_TEST_SEED=123       the seed of every property; "random" takes a new one
//   SWING_STORE_TEST_PATH=0:1:1     with the seed: run one counterexample
//   SWING_STORE_TEST_RUNS=1000      the number of runs of every property
//   SWING_STORE_TEST_FACTOR=5       multiplies each property's own number of runs
//   SWING_STORE_TEST_LIMITS=tiny    caches, buffers and chunks of a few bytes in ours
//   SWING_STORE_TEST_TMP=/a/b       the directory for the tests' stores
//   SWING_STORE_REAL_STORE=/a/b     a directory with swingstore.sqlite.xz
//   SWING_STORE_TEST_WITHOUT=root   requirements that CI may lack: names from requirements.mjs, separated by spaces
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';

export const subjectName = env.SWING_STORE_SUBJECT || 'ours';
export const subjectIsReference = subjectName === 'reference';

const seedFrom = text => {
  if (text === 'random') {
    return Math.floor(Math.random() * 0x7fffffff);
  }
  const seed = Number(text || 20240229);
  if (!Number.isInteger(seed)) {
    throw Error(`SWING_STORE_TEST_SEED must be an integer or "random"`);
  }
  return seed;
};

// A fixed seed by default, so that a build fails only because of a change.
export const seed = seedFrom(env.SWING_STORE_TEST_SEED);
export const path = env.SWING_STORE_TEST_PATH || undefined;

export const runsFor = usual => {
  if (env.SWING_STORE_TEST_RUNS) {
    return Number(env.SWING_STORE_TEST_RUNS);
  }
  const factor = Number(env.SWING_STORE_TEST_FACTOR || 1);
  return Math.max(1, Math.round(usual * factor));
};

export const tinyLimits = env.SWING_STORE_TEST_LIMITS === 'tiny';

export const tempParent = env.SWING_STORE_TEST_TMP || undefined;

export const realStoreDir =
  env.SWING_STORE_REAL_STORE || fileURLToPath(new URL('../../../../shared/data/real-store', import.meta.url));

export const toleratedLacks = (env.SWING_STORE_TEST_WITHOUT ?? '').split(' ').filter(name => name !== '');
