// Tests export-kernel-db in all modes.

import { contentsOf } from './contents.mjs';
import { inPairs } from '../../../support/external/processes.mjs';
import { sides } from '../../../support/external/sides.mjs';

export const artifactModes = ['operational', 'replay', 'archival', 'debug'];

/** Options, and whether the program should succeed with them. */
const cases = [
  ...artifactModes.map(mode => ({ 'artifact-mode': mode, 'export-data-mode': 'all', verbose: true })),
  { 'artifact-mode': 'none', 'export-data-mode': 'all' },
  { 'artifact-mode': 'replay', 'export-data-mode': 'skip' },
  { 'artifact-mode': 'none', 'export-data-mode': 'skip' },
  { 'check-block-height': 40 },
  {},
];

const name = options => Object.entries(options).flat().join('-') || 'defaults';

/** The directory of a side's export of the history, by mode. */
export const exportOf = (places, side, mode) =>
  places.export(`${side}-${name({ 'artifact-mode': mode, 'export-data-mode': 'all', verbose: true })}`);

export const compareExports = async ({ checks, places, programs, progress }) => {
  progress('each exports the same store, in every mode');
  const store = places.store('history');
  const results = new Map();
  await inPairs(
    cases.flatMap(options =>
      sides.map(side => async () => {
        const dir = places.export(`${side}-${name(options)}`);
        const outcome = await programs.exportKernelDb(side, store, dir, options);
        results.set(`${side}-${name(options)}`, { outcome, contents: contentsOf(dir) });
      }),
    ),
  );
  for (const options of cases) {
    const ours = results.get(`ours-${name(options)}`);
    const theirs = results.get(`reference-${name(options)}`);
    checks.equal(`export-kernel-db, ${name(options)}: the same exit code and output`, ours.outcome, theirs.outcome);
    checks.equal('    the directories are the same', ours.contents, theirs.contents);
    checks.holds('    it succeeds', ours.outcome.ended === 0, ours.outcome.stderr);
  }
  const counts = artifactModes.map(mode => Object.keys(contentsOf(exportOf(places, 'ours', mode))).length);
  checks.holds(
    `each mode has more files than the previous one: ${counts.join(', ')}`,
    counts.every((count, index) => index === 0 || count > counts[index - 1]),
    'has the store too little history?',
  );

  progress("our command line's exports");
  await inPairs(
    cases.map(options => async () => {
      const dir = places.export(`cli-${name(options)}`);
      const { ended, stderr } = await programs.exportByCommand(store, dir, options);
      checks.holds(`swing-store export, ${name(options)}`, ended === 0, stderr);
      checks.equal(
        "    is what cosmic-swingset's program makes",
        contentsOf(dir),
        results.get(`reference-${name(options)}`).contents,
      );
    }),
  );
};
