// Checks thousands of spoiled archives with ours and with two versions of `@endo/check-bundle`, and compares the results.
//
//   npm run torture:bundles -- [--rounds N] [--seed N]
//
// A failure names the seed and the round; the same seed makes the same archives.
import '@endo/init/debug.js';

import process from 'node:process';
import { compareCheckers, startEarlierChecker } from '../support/parity/bundle-checkers.mjs';
import { readRounds, runRounds } from '../support/torture/rounds.mjs';

// A program that an attenuator has started may fail later.
process.on('unhandledRejection', () => {});

const options = readRounds();
const earlier = await startEarlierChecker();
try {
  await runRounds('archives', options, onRound => compareCheckers({ ...options, earlier, onRound }));
} finally {
  earlier.stop();
}
