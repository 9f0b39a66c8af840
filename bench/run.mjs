/**
 * Compares the speed of this package with that of `@agoric/swing-store`, phase by phase: see `--help`.
 *
 * Each run has its own process. Runs of the two implementations alternate, so that other load affects both.
 */
import { writeFile } from 'node:fs/promises';
import { readArguments, usage, UsageError } from './lib/arguments.mjs';
import { checkImages } from './lib/check-images.mjs';
import { growthLegend, growthNotes, growthRows, measureGrowth } from './lib/growth.mjs';
import { buildLimits } from './lib/limits.mjs';
import { describeMachine, machineLines } from './lib/machine.mjs';
import { writeMarkdown } from './lib/markdown.mjs';
import { resultLegend, resultNotes, resultRows } from './lib/results.mjs';
import { makeRunner, prepareLargeStore } from './lib/run-phase.mjs';
import { makeChart } from './lib/svg.mjs';
import { forTerminal } from './lib/table.mjs';
import { makeWorkspace } from './lib/workspace.mjs';

/** Shows the current step on one line if stderr is a terminal. */
const status = text => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

/** Prints a line for each finished phase if stderr is not a terminal. */
const tick = (name, done, all) => {
  if (!process.stderr.isTTY) process.stderr.write(`${name} done, ${done} of ${all}\n`);
};

/** The kind of results, for a file that contains several kinds. */
const kindOf = ({ growth, real, large }) => {
  if (growth) return 'growth';
  if (large) return `large store, by ${large.order}`;
  return real ? 'real store' : 'phases';
};

const bench = async settings => {
  const { growth, phases, scale, json, svg, markdown } = settings;
  const machine = await describeMachine(settings);
  status('compiling the program that measures limits');
  // Growth has no limits: the two sizes are compared with each other.
  const limits = growth || settings['no-limits'] ? {} : await buildLimits();
  const workspace = makeWorkspace(settings.dir);
  let { real } = settings;
  if (settings.large) {
    status('making the large store');
    real = await prepareLargeStore(workspace, settings.large);
  }
  const runPhase = makeRunner(workspace, { ...settings, real, limits: limits.program });

  const results = [];
  for (const phase of phases) {
    results.push(await (growth ? measureGrowth(runPhase, phase, status, scale) : runPhase(phase, status)));
    tick(phase.name, results.length, phases.length);
  }
  status('');

  const lines = machineLines(machine);
  const table = growth ? growthRows(results) : resultRows(results);
  const notes = growth ? growthNotes(results) : resultNotes(results);
  if (limits.note) notes.push(limits.note);
  const legend = growth ? growthLegend : resultLegend;
  console.log([lines.join('\n'), legend, forTerminal(table), notes.join('\n')].join('\n\n'));
  if (json) await writeFile(json, `${JSON.stringify({ machine, results, notes }, null, 2)}\n`);
  const compared = results.filter(({ comparison }) => comparison);
  if (svg) await writeFile(svg, makeChart(compared, [`${machine.processor}, ${machine.cores} cores, ${lines.at(-1)}`]));
  if (markdown) await writeMarkdown(markdown, kindOf(settings), { machine: lines, table, notes });
};

try {
  const settings = readArguments(process.argv.slice(2));
  if (settings.help) console.log(usage);
  else if (settings.checkImages) await checkImages(settings.checkImages);
  else await bench(settings);
} catch (error) {
  status('');
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = 1;
}
