// Runs a kernel-like load together with exporters, readers of history and pruning, for any length of time.
//
//   npm run soak -- [--minutes N] [--seed N] [--idle N] [--dir DIR]
//
// Each line is a sample of the process's resources, taken while no reader is active. Fails, and keeps the store, if an
// export differs from the kernel's export data, if the log grows without readers, if memory, files or threads grow (see
// `__test__/support/torture/process-figures.mjs`), or if the store has a fault at the end. `--idle 3` pauses three times as
// long as it works.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { soak } from '../support/torture/soak.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    idle: { type: 'string', default: '1' },
    dir: { type: 'string', default: tmpdir() },
  },
});
const seed = Number(values.seed);
const base = mkdtempSync(path.join(values.dir, 'swing-store-soak-'));
const begun = performance.now();
const seconds = () => Math.round((performance.now() - begun) / 1000);
const mib = bytes => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
console.log(`seed ${seed}, ${values.minutes} minutes`);
let told = -Infinity;
/** Prints one line every ten seconds. */
const onCycle = ({ cycles, height, rss, heap, external, fds, threads, mappings, log, store }) => {
  if (seconds() - told < 10) return;
  told = seconds();
  console.log(
    `${told} s: ${cycles} cycles, block ${height}; resident ${mib(rss)}, heap ${mib(heap)}, external ${mib(external)}; ` +
      `${fds} files, ${threads} threads, ${mappings} mappings; longest log ${mib(log)}, store ${mib(store)}`,
  );
};
try {
  const result = await soak(base, {
    milliseconds: Number(values.minutes) * 60_000,
    seed,
    idle: Number(values.idle),
    onCycle,
  });
  rmSync(base, { recursive: true });
  console.log({ seed, seconds: seconds(), ...result });
} catch (error) {
  console.error(`After ${seconds()} s, seed ${seed}: ${error.stack}\nThe store is in ${base}.`);
  process.exitCode = 1;
}
