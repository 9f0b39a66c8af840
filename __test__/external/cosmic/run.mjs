// Runs cosmic-swingset's unchanged programs that export and import a swing-store
// on this project's swing-store and on the reference's, each with the other's
// results, and compares everything observable.
//
//   node __test__/external/cosmic/run.mjs [--work DIR] [--subject ours|reference]
//
// `--work DIR` keeps the installed and generated files in DIR and reuses them.
// Otherwise a temporary directory is used, which is removed after success.
// `--subject reference` (or SWING_STORE_SUBJECT=reference) compares the
// reference with itself, which shows faults of this program.
//
// The last line is the result; the exit code is 0 only if all checks passed.

import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import { startTrial } from '../../support/external/trial.mjs';
import { findSubject } from '../../support/external/subjects.mjs';
import { swingStoreNames } from '../../support/external/trees.mjs';
import { compareExports } from './lib/exports.mjs';
import { compareFailures } from './lib/failures.mjs';
import { compareImports } from './lib/imports.mjs';
import { installTrees } from './lib/install.mjs';
import { compareInterruptions } from './lib/interruptions.mjs';
import { makePrograms } from './lib/programs.mjs';

const { values: options } = parseArgs({
  options: {
    work: { type: 'string' },
    subject: { type: 'string', default: process.env.SWING_STORE_SUBJECT || 'ours' },
  },
});
const subject = findSubject(options.subject);

const { work, checks, progress, carryOut } = startTrial('cosmic', options.work);
const trees = { ours: join(work, 'ours'), reference: join(work, 'reference') };

/** Makes a directory of this run, by name. */
const placesIn = kind => name => {
  const dir = join(work, kind, name);
  mkdirSync(dir, { recursive: true });
  return dir;
};
const places = { store: placesIn('stores'), state: placesIn('states'), export: placesIn('exports') };

const main = async () => {
  progress(existsSync(trees.ours) ? 'looking at what is installed' : 'installing: takes half a minute');
  await installTrees(trees, subject.dir, join(work, 'logs', 'install.log'));
  const names = swingStoreNames(trees.ours);
  checks.holds(
    `the programs use ${subject.name} as their swing-store`,
    names.length === 1 && names[0] === subject.name,
    `they use ${names.join(', ') || 'none'}`,
  );
  for (const kind of ['stores', 'states', 'exports']) rmSync(join(work, kind), { recursive: true, force: true });

  // Our command line is used for every subject.
  const cli = fileURLToPath(new URL('../../../bin/swing-store.js', import.meta.url));
  const programs = makePrograms(trees, cli);
  progress('making stores to export');
  const history = new URL('../../../scripts/demo/history.mjs', import.meta.url).href;
  await programs.makeStore('reference', places.store('history'), history);
  await programs.makeStore('ours', places.store('pruned'), history, 'pruned');

  const powers = { checks, places, programs, progress };
  await compareExports(powers);
  await compareImports(powers);
  await compareFailures(powers);
  await compareInterruptions(powers);
};

await carryOut(main);
