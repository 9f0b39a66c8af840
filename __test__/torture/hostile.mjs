// Imports thousands of spoiled exports and bundles with ours and with the reference, and compares the results.
//
//   npm run torture:hostile -- [--rounds N] [--seed N]
//
// A failure names the seed and the round, and prints the simplest input found that fails; the same seed makes the same
// inputs.
import '@endo/init/debug.js';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { throwHostileInput } from '../support/torture/hostile-input.mjs';
import { readRounds, runRounds } from '../support/torture/rounds.mjs';

const options = readRounds();
const base = mkdtempSync(path.join(tmpdir(), 'swing-store-hostile-'));
try {
  await runRounds('inputs', options, onRound => throwHostileInput(base, { ...options, onRound }));
} finally {
  rmSync(base, { recursive: true, force: true });
}
