/**
 * Compares the speed of this package with that of `@agoric/swing-store`, phase by phase: see `--help`.
 *
 * Each run is a process of its own, and runs of the two alternate, so that whatever else the machine does meets both.
 */
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { readArguments, usage, UsageError } from './lib/arguments.mjs';
import { versionOf } from './lib/implementations.mjs';
import { loadPhase } from './lib/phases.mjs';
import { makeRunner } from './lib/run-phase.mjs';
import { makeChart } from './lib/svg.mjs';
import { formatCompression, formatTable } from './lib/table.mjs';
import { makeWorkspace } from './lib/workspace.mjs';

/** A line that shows what goes on, where there is a terminal to show it on. */
const status = text => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

const describeMachine = async ({ implementations, runs, scale }) => ({
  versions: Object.fromEntries(await Promise.all(implementations.map(async it => [it, await versionOf(it)]))),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  processor: os.cpus()[0]?.model.trim() ?? 'unknown',
  cores: os.availableParallelism(),
  memory: os.totalmem(),
  load: os.loadavg(),
  runs,
  scale,
});

const bench = async settings => {
  const machine = await describeMachine(settings);
  const workspace = makeWorkspace(settings.dir);
  const runPhase = makeRunner(workspace, settings);
  const results = [];
  for (const name of settings.phases) results.push(await runPhase(await loadPhase(name), status));
  status('');

  const { runs, scale, json, svg } = settings;
  const counted = `${runs} ${runs === 1 ? 'run' : 'runs'} each`;
  console.log(`${Object.values(machine.versions).join(' and ')}, Node.js ${machine.node}, ${machine.processor}`);
  console.log(`${counted}, ${scale === 1 ? 'full size' : `at ${scale} of the full size, where ratios mean little`}`);
  console.log('Times are medians of wall or CPU time, memory and stalls of the event loop the highest of any run.\n' +
      'Pairs are reference / ours; the spread is that of the ratios of successive runs.\n',
  );
  console.log(formatTable(results));
  const compression = formatCompression(results);
  if (compression) console.log(`\n${compression}`);
  if (json) await writeFile(json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
  if (svg) await writeFile(svg, makeChart(results, `${machine.processor}, ${counted}`));
};

try {
  const settings = readArguments(process.argv.slice(2));
  if (settings.help) console.log(usage);
  else await bench(settings);
} catch (error) {
  status('');
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = 1;
}
