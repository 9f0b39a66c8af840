// Tests import-kernel-db with the exports of both implementations.

import { artifactModes, exportOf } from './exports.mjs';
import { contentsOf } from './contents.mjs';
import { inPairs } from '../../../support/external/processes.mjs';

/** Combinations of exporter, importer and modes. */
const cases = [
  ...artifactModes.map(mode => ({ from: 'reference', by: 'ours', exported: mode })),
  ...artifactModes.map(mode => ({ from: 'ours', by: 'reference', exported: mode })),
  { from: 'ours', by: 'ours', exported: 'archival' },
  { from: 'reference', by: 'reference', exported: 'archival' },
  // A lesser mode than the export's.
  { from: 'ours', by: 'reference', exported: 'archival', taken: 'operational' },
  { from: 'reference', by: 'ours', exported: 'archival', taken: 'operational' },
  { from: 'ours', by: 'reference', exported: 'debug', taken: 'operational' },
  { from: 'reference', by: 'ours', exported: 'debug', taken: 'operational' },
  // Our command line with the reference's export, and the reverse.
  { from: 'reference', by: 'cli', exported: 'operational' },
  { from: 'reference', by: 'cli', exported: 'archival' },
  { from: 'reference', by: 'cli', exported: 'archival', taken: 'replay' },
  { from: 'cli', by: 'reference', exported: 'archival' },
  { from: 'ours', by: 'reference', exported: 'archival', taken: 'replay' },
];

const kindOf = ({ exported, taken }) => (taken ? `${exported} imported as ${taken}` : exported);

export const compareImports = async ({ checks, places, programs, progress }) => {
  progress('each imports what the other has exported');
  const dumps = new Map();
  await inPairs(
    cases.map(({ from, by, exported, taken }, index) => async () => {
      const state = places.state(`import-${index}`);
      const exportDir = exportOf(places, from, exported);
      const options = { ...(taken ? { 'artifact-mode': taken } : {}), 'check-block-height': 40 };
      const { ended, stdout, stderr } = await (by === 'cli'
        ? programs.importByCommand(state, exportDir, options)
        : programs.importKernelDb(by, state, exportDir, { ...options, verbose: true }));
      dumps.set(index, { ended, stdout, stderr, dump: ended === 0 && (await programs.dump(state)) });
    }),
  );
  for (const [index, one] of cases.entries()) {
    const { from, by } = one;
    const { ended, stdout, stderr, dump } = dumps.get(index);
    const title = `exported by ${from}, imported by ${by}: ${kindOf(one)}`;
    checks.holds(title, ended === 0, stderr);
    const first = cases.findIndex(other => kindOf(other) === kindOf(one));
    if (first === index) continue;
    checks.equal('    the store is the same as any other made so', dump, dumps.get(first).dump);
    if (by !== 'cli' && cases[first].by !== 'cli') {
      checks.equal('    and so is what the program says', stdout, dumps.get(first).stdout);
    }
  }

  progress('what was imported is exported again');
  await inPairs(
    [
      { index: 0, by: 'reference' },
      { index: 2, by: 'reference' },
      { index: 6, by: 'ours' },
      { index: 3, by: 'ours' },
    ].map(({ index, by }) => async () => {
      const { exported } = cases[index];
      const dir = places.export(`again-${index}`);
      const options = { 'artifact-mode': exported, 'export-data-mode': 'all' };
      await programs.exportKernelDb(by, places.state(`import-${index}`), dir, options);
      checks.equal(
        `by ${by}: ${exported}, imported by ${cases[index].by}, exports the same directory`,
        contentsOf(dir),
        contentsOf(exportOf(places, 'reference', exported)),
      );
    }),
  );
};
