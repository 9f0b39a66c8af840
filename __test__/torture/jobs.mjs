// Kills imports, exports and other jobs at random times, checks what they leave, and repeats them.
//
//   npm run torture:jobs -- [--job NAME]... [--rounds N] [--seed N] [--dir DIR] [--items N] [--image BYTES]
//
// Without `--job`, kills every job. `--rounds` is the number of kills of each job. `--dir` selects the file system; the
// default is that of temporary files. `--items` and `--image` set the sizes of spans and snapshots. A failure names the
// seed, which repeats the same kills; the files that the job left are kept.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { crashJobs, jobNames } from '../support/torture/killed-jobs.mjs';

const { values } = parseArgs({
  options: {
    job: { type: 'string', multiple: true, default: jobNames },
    rounds: { type: 'string', default: '300' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
    dir: { type: 'string', default: tmpdir() },
    items: { type: 'string', default: '200' },
    image: { type: 'string', default: '300000' },
  },
});
const base = mkdtempSync(path.join(values.dir, 'swing-store-jobs-'));
const seed = Number(values.seed);
console.log(`seed ${seed}`);
const begun = performance.now();
const seconds = () => Math.round((performance.now() - begun) / 1000);
try {
  await crashJobs(base, {
    names: values.job,
    rounds: Number(values.rounds),
    seed,
    size: { items: Number(values.items), imageSize: Number(values.image) },
    onJob: (name, figures) => console.log(`${seconds()} s: ${name}`, figures),
  });
  rmSync(base, { recursive: true });
} catch (error) {
  console.error(`${error.message}\nWhat was left is in ${base}.`);
  process.exitCode = 1;
}
