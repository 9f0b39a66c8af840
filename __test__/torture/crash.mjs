// Kills a kernel-like process thousands of times and checks its store each time.
//
//   npm run torture:crash -- [--rounds N] [--seed N] [--dir DIR] [--life N]
//
// `--dir` selects the file system; the default is that of temporary files. A failure names the seed, which repeats the same
// blocks, though not the same times. The failed store is kept. After `--life` kills, a new store of the next kind follows:
// with or without history, with or without archives, and so on.
import '@endo/init/debug.js';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { crashKernel } from '../support/torture/killed-kernel.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3000' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    dir: { type: 'string', default: tmpdir() },
    life: { type: 'string', default: '150' },
  },
});
const rounds = Number(values.rounds);
const base = mkdtempSync(path.join(values.dir, 'swing-store-crash-'));
const bar = new SingleBar({
  format: '{bar} {value}/{total} kills, {commits} commits, {eta_formatted} left',
  noTTYOutput: true,
  notTTYSchedule: 30_000,
});
const begun = performance.now();
bar.start(rounds, 0, { commits: 0 });
try {
  const figures = await crashKernel(base, {
    rounds,
    seed: Number(values.seed),
    life: Number(values.life),
    onRound: ({ rounds: done, commits }) => bar.update(done, { commits }),
  });
  bar.stop();
  rmSync(base, { recursive: true });
  console.log({ seed: Number(values.seed), seconds: Math.round((performance.now() - begun) / 1000), ...figures });
} catch (error) {
  bar.stop();
  console.error(`${error.message}\nThe store is in ${base}.`);
  process.exitCode = 1;
}
