// Uses stores as impatient callers do (closing twice, dropping, aborting, stopping early, failing), and checks whether the
// process's files, threads, mappings or memory grow.
//
//   npm run torture:leaks -- [--rounds N] [--only KIND] [--dir DIR]
//
// A round has one call of each kind. A failure names the kind; `--only` runs only that kind.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { leakRounds, makeBase } from '../support/torture/leaks.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10000' },
    only: { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
  },
});
const base = makeBase(values.dir);
const begun = performance.now();
const seconds = () => Math.round((performance.now() - begun) / 1000);
let told = -Infinity;
const onSample = sample => {
  if (seconds() - told < 10) return;
  told = seconds();
  console.log(`${told} s:`, JSON.stringify(sample));
};
try {
  const result = await leakRounds(base, { rounds: Number(values.rounds), only: values.only, onSample });
  rmSync(base, { recursive: true });
  console.log({ seconds: seconds(), ...result });
} catch (error) {
  console.error(`After ${seconds()} s: ${error.stack}\nWhat was made is in ${base}.`);
  process.exitCode = 1;
}
