// Runs the published SwingSet kernel, with its real workers, on this project's
// swing-store and on the reference's, and compares everything observable.
//
//   node __test__/external/kernel/run.mjs [--work DIR] [--subject ours|reference]
//
// `--work DIR` keeps the installed and generated files in DIR and reuses them,
// which halves the time. Otherwise a temporary directory is used (about 900 MB),
// which is removed after success. `--subject reference` (or
// SWING_STORE_SUBJECT=reference) compares the reference with itself, which shows
// faults of this program.
//
// The last line is the result; the exit code is 0 only if all checks passed.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { makeChains } from './lib/chains.mjs';
import { startTrial } from '../../support/external/trial.mjs';
import { compareCompaction } from './lib/compaction.mjs';
import { compareContinuations } from './lib/continuations.mjs';
import { compareExports } from './lib/exports.mjs';
import { compareReplays } from './lib/replays.mjs';
import { runSideBySide } from './lib/side-by-side.mjs';
import { findSubject, referenceDir } from '../../support/external/subjects.mjs';
import { deriveTree, swingStoreNames } from '../../support/external/trees.mjs';
import { addProgram, addReplay, installTree } from './lib/install.mjs';

const { values: options } = parseArgs({
  options: {
    work: { type: 'string' },
    subject: {
      type: 'string',
      default: process.env.SWING_STORE_SUBJECT || 'ours',
    },
  },
});
const subject = findSubject(options.subject);

const { work, checks, progress, carryOut } = startTrial('kernel', options.work);
const trees = { ours: join(work, 'ours'), reference: join(work, 'reference') };

const install = async () => {
  progress('installing the kernel, and compiling its workers: takes minutes');
  const log = join(work, 'logs', 'install.log');
  await installTree(trees.ours, subject.dir, log);
  deriveTree(trees.ours, trees.reference, referenceDir);
  addProgram(trees.reference);
  const names = swingStoreNames(trees.ours);
  checks.holds(
    `all packages of the kernel use ${subject.name} as their swing-store`,
    names.length > 0 && names.every(name => name === subject.name),
    `they use ${names.join(', ') || 'none'}`,
  );
};

const main = async () => {
  await install();
  for (const dir of ['stores', 'reports']) {
    rmSync(join(work, dir), { recursive: true, force: true });
    mkdirSync(join(work, dir));
  }
  const chains = makeChains(work, trees);
  progress("bundling the kernel and the scenario's vats");
  await chains.makeBundles();

  const powers = { checks, chains, progress, subject };
  const second = await runSideBySide(powers);
  const exported = await compareExports(powers);
  // The reference does not compact.
  const stores = options.subject === 'ours' ? await compareCompaction(powers, second, exported) : [];
  if (options.subject === 'ours') {
    addReplay(trees.ours);
    await compareReplays(powers, stores);
  }
  await compareContinuations(powers, stores);
};

await carryOut(main);
