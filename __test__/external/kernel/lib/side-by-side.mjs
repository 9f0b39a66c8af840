// The first two parts of the scenario: each side runs them on its own store, with a restart in between.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { inPairs } from '../../../support/external/processes.mjs';
import { sides } from '../../../support/external/sides.mjs';

/** The uncompressed contents of the archives. */
const readArchive = dir =>
  readdirSync(dir)
    .sort()
    .map(name => [name, gunzipSync(readFileSync(join(dir, name))).toString('base64')]);

/** Checks that the two sides use different implementations. */
const checkWhatRan = (checks, subject, [ours, reference]) => {
  const { kernelUses, hostUses, libraries } = ours.swingStore;
  const used = libraries.join(', ');
  checks.equal('host and kernel have the same store', kernelUses, hostUses);
  checks.holds(
    `the kernel runs on ${subject.name}`,
    kernelUses.name === subject.name && libraries.some(library => subject.library.test(library)),
    `it runs on ${kernelUses.name} with ${used}`,
  );
  checks.holds(
    'and no other database is loaded',
    libraries.every(library => subject.library.test(library) || library !== 'better_sqlite3.node'),
    `the process has loaded ${used}`,
  );
  checks.equal('the other kernel runs on the reference', reference.swingStore.kernelUses.name, '@agoric/swing-store');
};

/** The name of a copy of a side's store, as the first part left it. */
export const afterFirst = side => `${side}-after-first`;

/** Returns the reports of the second part, by side. */
export const runSideBySide = async ({ checks, chains, progress, subject }) => {
  const runBoth = (part, options) => inPairs(sides.map(side => () => chains.runPart(side, part, side, options)));

  progress('both run the first part');
  const first = await runBoth('first', { keepSnapshots: true });
  checkWhatRan(checks, subject, first);
  checks.equal('part one: the same blocks', first[0].blocks, first[1].blocks);

  for (const side of sides) chains.copyStore(side, afterFirst(side));

  progress('both are started again, and run the second part');
  const second = await runBoth('second', {});
  checks.equal('part two: the same blocks', second[0].blocks, second[1].blocks);
  checks.equal('the export callbacks got the same batches', second[0].exported, second[1].exported);
  checks.equal(
    'the archives got the same snapshots and spans',
    readArchive(chains.archiveOf('ours')),
    readArchive(chains.archiveOf('reference')),
  );
  return { ours: second[0], reference: second[1] };
};
