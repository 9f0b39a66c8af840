// The programs of the trees, called with what they need. Each call is a process
// of its own, as a restarted node would be.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { run } from '../../../support/external/processes.mjs';

const readJSON = file => JSON.parse(readFileSync(file, 'utf8'));

/**
 * @param {string} work the directory for everything that the runs leave
 * @param {Record<string, string>} trees where each side is installed
 */
export const makeChains = (work, trees) => {
  const bundles = join(work, 'bundles.json');
  const reportOf = label => join(work, 'reports', `${label}.json`);
  const storeOf = name => join(work, 'stores', name);
  const recordOf = name => join(work, 'stores', `${name}-export-record.json`);
  const archiveOf = name => join(work, 'stores', `${name}-archive`);

  const runProgram = (side, program, label, args) =>
    run(join(work, 'logs', `${label}.log`), process.execPath, [
      join(trees[side], 'program', `${program}.mjs`),
      ...args,
    ]);

  /** Bundle the kernel and the vats: once, for both sides. */
  const makeBundles = () => runProgram('reference', 'bundle', 'bundle', [bundles]);

  /** Have a side run one part of the scenario on the store called `name`. */
  const runPart = async (side, part, name, options = {}) => {
    const label = `${name}-${part}`;
    const report = reportOf(label);
    const config = reportOf(`${label}-config`);
    const settings = {
      part,
      store: storeOf(name),
      bundles,
      record: recordOf(name),
      archive: archiveOf(name),
      report,
      keepSnapshots: false,
      keepTranscripts: true,
      ...options,
    };
    writeFileSync(config, JSON.stringify(settings));
    await runProgram(side, 'run-part', label, [config]);
    return readJSON(report);
  };

  /** Everything that a side exports from the store called `name`. */
  const exportStore = async (side, name) => {
    const label = `${name}-exported-by-${side}`;
    const output = reportOf(label);
    await runProgram(side, 'export-store', label, [storeOf(name), output]);
    return readJSON(output);
  };

  /** Have a side make the store called `to` out of an export of `from`. */
  const importStore = (side, from, to) =>
    runProgram(side, 'import-store', `${to}-import`, [storeOf(from), storeOf(to)]);

  /** What the export callback said of the store called `name`, as it stands. */
  const recordedData = name => readJSON(recordOf(name)).data;

  return {
    archiveOf,
    exportStore,
    importStore,
    makeBundles,
    recordOf,
    recordedData,
    runPart,
    storeOf,
  };
};
