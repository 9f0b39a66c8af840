// Imports thousands of spoiled exports and bundles with ours and with the reference, and compares the results.
//
//   npm run torture:hostile -- [--rounds N] [--seed N]
//
// A failure names the seed and the round; the same seed makes the same inputs.
import '@endo/init/debug.js';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { throwHostileInput } from '../support/torture/hostile-input.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10000' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
  },
});
const [rounds, seed] = [values.rounds, values.seed].map(Number);
const base = mkdtempSync(path.join(tmpdir(), 'swing-store-hostile-'));
const bar = new SingleBar({
  format: '{bar} {value}/{total} inputs, {eta_formatted} left',
  noTTYOutput: true,
  notTTYSchedule: 30_000,
});
const begun = performance.now();
bar.start(rounds, 0);
try {
  const figures = await throwHostileInput(base, { rounds, seed, onRound: () => bar.increment() });
  bar.stop();
  console.log({ seed, seconds: Math.round((performance.now() - begun) / 1000), ...figures });
} catch (error) {
  bar.stop();
  console.error(`seed ${seed}: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(base, { recursive: true, force: true });
}
