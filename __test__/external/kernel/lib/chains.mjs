// Runs the programs of the trees. Each run is a separate process, like a restarted node.

import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { capture, lastLines, run } from '../../../support/external/processes.mjs';
import { SWING_STORE, readJSON } from '../../../support/external/trees.mjs';

/**
 * @param {string} work the directory for the files of the runs
 * @param {Record<string, string>} trees the directory of each side's installation
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

  /** Bundles the kernel and the vats, once for both sides. */
  const makeBundles = () => runProgram('reference', 'bundle', 'bundle', [bundles]);

  /** Runs one part of the scenario on a side's store. */
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

  /** Exports a side's store in all modes. */
  const exportStore = async (side, name) => {
    const label = `${name}-exported-by-${side}`;
    const output = reportOf(label);
    await runProgram(side, 'export-store', label, [storeOf(name), output]);
    return readJSON(output);
  };

  /** Imports the store `to` from an export of `from`. */
  const importStore = (side, from, to) =>
    runProgram(side, 'import-store', `${to}-import`, [storeOf(from), storeOf(to)]);

  /** Copies a store, and the record of its export callback. */
  const copyStore = (from, to) => {
    cpSync(storeOf(from), storeOf(to), { recursive: true });
    cpSync(recordOf(from), recordOf(to));
  };

  /** Compacts a store with our package. */
  const compact = async name => {
    const label = `${name}-compact`;
    const output = reportOf(label);
    await runProgram('ours', 'compact', label, [storeOf(name), output]);
    return readJSON(output);
  };

  /** Compacts a store repeatedly until some work on it ends. */
  const compactBeside = async (name, runKernel) => {
    const label = `${name}-beside`;
    const output = reportOf(label);
    const stop = reportOf(`${label}-stop`);
    const compacting = runProgram('ours', 'compact', label, [storeOf(name), output, stop]);
    const working = runKernel().finally(() => writeFileSync(stop, ''));
    const [result] = await Promise.all([working, compacting]);
    return { result, compacted: readJSON(output) };
  };

  /** Returns what our package reads from a store, before and after it opens the store for writing. */
  const look = async name => {
    const label = `${name}-look`;
    const output = reportOf(label);
    await runProgram('ours', 'look', label, [storeOf(name), output]);
    return readJSON(output);
  };

  /** Runs our command line on a store. It succeeds with or without findings. */
  const command = async (name, what, ...args) => {
    const program = join(trees.ours, 'node_modules', SWING_STORE, 'bin', 'swing-store.js');
    const log = join(work, 'logs', `${name}-${what}.log`);
    const { code } = await capture(log, process.execPath, [program, what, '--state-dir', storeOf(name), ...args]);
    if (code > 1) throw Error(`"${what}" ended with ${code}. The end of ${log}:\n${lastLines(log, 40)}`);
  };

  /** Exports a store to a directory in mode `replay`. Returns the directory. */
  const exportReplay = async name => {
    const dir = join(work, 'stores', `${name}-replay`);
    const modes = ['--artifact-mode', 'replay', '--export-data-mode', 'all'];
    await command(name, 'export', '--export-dir', dir, ...modes);
    return dir;
  };

  /** Replays vats of a store or an export. Returns the exit code and the JSON document. */
  const replay = async (label, directory, ...args) => {
    const log = join(work, 'logs', `${label}.log`);
    const program = join(trees.ours, 'replay', 'replay.js');
    const { code, stdout } = await capture(log, process.execPath, [program, directory, '--json', ...args]);
    return { code, ...JSON.parse(stdout) };
  };

  /** Changes two recorded system calls of a store, and the hashes of their spans. Returns where. */
  const plantDivergences = async name => {
    const output = reportOf(`${name}-plant`);
    await runProgram('ours', 'plant-divergences', `${name}-plant`, [storeOf(name), output]);
    return readJSON(output);
  };

  /** The export data of a store, as its export callback received it. */
  const recordedData = name => readJSON(recordOf(name)).data;

  return {
    archiveOf,
    command,
    compact,
    compactBeside,
    copyStore,
    exportReplay,
    exportStore,
    importStore,
    look,
    makeBundles,
    plantDivergences,
    recordedData,
    replay,
    runPart,
    storeOf,
  };
};
