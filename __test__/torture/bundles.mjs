// Checks thousands of spoiled archives with ours and with two versions of `@endo/check-bundle`, and compares the results.
//
//   npm run torture:bundles -- [--rounds N] [--seed N]
//
// A failure names the seed and the round; the same seed makes the same archives.
import '@endo/init/debug.js';

import process from 'node:process';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { compareCheckers, startEarlierChecker } from '../support/parity/bundle-checkers.mjs';

// A program that an attenuator has started may fail later.
process.on('unhandledRejection', () => {});

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10000' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
  },
});
const [rounds, seed] = [values.rounds, values.seed].map(Number);
const bar = new SingleBar({
  format: '{bar} {value}/{total} archives, {eta_formatted} left',
  noTTYOutput: true,
  notTTYSchedule: 30_000,
});
const earlier = await startEarlierChecker();
const begun = performance.now();
bar.start(rounds, 0);
try {
  const figures = await compareCheckers({ rounds, seed, earlier, onRound: () => bar.increment() });
  bar.stop();
  console.log({ seed, seconds: Math.round((performance.now() - begun) / 1000), ...figures });
} catch (error) {
  bar.stop();
  console.error(`seed ${seed}: ${error.message}`);
  process.exitCode = 1;
} finally {
  earlier.stop();
}
