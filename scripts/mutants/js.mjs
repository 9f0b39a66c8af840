// Mutation tests of js/: plants one fault at a time, and runs the tests that reach it until one fails.
//
//   npm run mutants:js -- [--file NAME]... [--shard K/N] [--budget SECONDS] [--workers N] [--again] [--list] [--results DIR]
//
// Results are kept in .cache/mutants/js, so a run goes on where the last one ended; only what changed is run again.
//
//   --file     only mutants of this file of js/; may be given more than once, and then in this order
//   --shard    only the Kth of N parts, for several machines: put the lines of their results.jsonl together afterwards
//   --budget   how long the tests of one mutant may take together, 60 seconds if not given; a survivor of a small budget
//              meets the other tests when a later run has a larger one
//   --workers  how many test files run at a time
//   --again    only survivors of earlier runs, after tests were added
//   --list     runs nothing; says how many were killed in each file, and which survived
//   --coverage measures again which mutants the changed test files reach
//   --results  another directory for results
//
// A mutant that makes tests hang counts as killed. Survivors that make no difference are in scripts/mutants/accepted-js.json
// with the reason. The exit code is 1 if others survived, or an accepted one is no longer a mutant or was killed.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { makeCopy } from './js/copy.mjs';
import { measureCoverage } from './js/coverage.mjs';
import { makeMutants } from './js/mutants.mjs';
import { makeRecord, planFor } from './js/plan.mjs';
import { openResults } from './js/results.mjs';
import { loadTool } from './js/tool.mjs';

const root = path.join(import.meta.dirname, '../..');
const acceptedFile = path.join(import.meta.dirname, 'accepted-js.json');

const { values } = parseArgs({
  options: {
    file: { type: 'string', multiple: true, default: [] },
    shard: { type: 'string', default: '1/1' },
    budget: { type: 'string', default: '60' },
    workers: { type: 'string', default: '1' },
    again: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
    results: { type: 'string', default: path.join(root, '.cache', 'mutants', 'js') },
  },
});

const stop = problem => {
  console.error(problem);
  process.exit(2);
};

const numberOf = (name, text) => {
  const number = Number(text);
  return number > 0 ? number : stop(`--${name} takes a number above 0.`);
};
const budget = numberOf('budget', values.budget) * 1000;
const workers = Math.ceil(numberOf('workers', values.workers));
const [, part, parts] = /^(\d+)\/(\d+)$/.exec(values.shard)?.map(Number) ?? [];
if (!(part >= 1 && part <= parts)) stop('--shard takes K/N, such as 2/4.');

const sources = readdirSync(path.join(root, 'js'), { recursive: true })
  .filter(name => name.endsWith('.js'))
  .map(name => path.posix.join('js', name.split(path.sep).join('/')))
  .sort()
  .map(name => ({ name, content: readFileSync(path.join(root, name), 'utf8') }));
const wanted = values.file.map(name => (name.endsWith('.js') ? name : `${name}.js`));
for (const name of wanted) {
  if (!sources.some(source => path.basename(source.name) === path.basename(name))) stop(`There is no ${name} in js/.`);
}

const tool = await loadTool(path.join(root, '.cache', 'mutants', 'tool'));
const made = await makeMutants(tool, sources);

const inShard = ({ name }) => createHash('sha256').update(name).digest().readUInt32BE(0) % parts === part - 1;
const rank = ({ file }) => wanted.findIndex(name => path.basename(name) === file);
const mutants = made.mutants
  .filter(mutant => inShard(mutant) && (wanted.length === 0 || rank(mutant) >= 0))
  .sort((a, b) => rank(a) - rank(b));

mkdirSync(values.results, { recursive: true });
const results = openResults(path.join(values.results, 'results.jsonl'));
/** @type {Record<string, string>} */
const accepted = JSON.parse(readFileSync(acceptedFile, 'utf8'));

// --- What came out ---------------------------------------------------------------------------------------------------

/** Prints the table and the survivors; returns how many things are not as they should be. */
const report = () => {
  const rows = new Map();
  const survivors = [];
  const surprising = [];
  for (const mutant of mutants) {
    const row = rows.get(mutant.file) ?? { mutants: 0, killed: 0, accepted: 0, survived: 0, 'not run': 0 };
    rows.set(mutant.file, row);
    const status = results.of(mutant)?.status;
    const isAccepted = Object.hasOwn(accepted, mutant.name);
    row.mutants += 1;
    if (status === 'killed' || status === 'timeout') {
      row.killed += 1;
      if (isAccepted) surprising.push(`accepted, and yet killed by ${results.of(mutant).by}: ${mutant.name}`);
    } else if (isAccepted) row.accepted += 1;
    else if (status === undefined) row['not run'] += 1;
    else {
      row.survived += 1;
      survivors.push(`${mutant.place}  ${mutant.name}`);
    }
  }
  const names = new Set(made.mutants.map(({ name }) => name));
  for (const name of Object.keys(accepted)) {
    if (!names.has(name)) surprising.push(`accepted, but there is no such mutant any more: ${name}`);
  }
  console.table(Object.fromEntries(rows));
  const sum = name => [...rows.values()].reduce((total, row) => total + row[name], 0);
  const ran = sum('killed') + sum('survived');
  console.log(
    `${sum('mutants')} mutants: ${sum('killed')} killed, ${sum('accepted')} make no difference, ${sum('survived')} survived, ` +
      `${sum('not run')} not run; killed of those that make a difference: ${((100 * sum('killed')) / (ran || 1)).toFixed(1)} %. ` +
      `${made.left} texts of messages are left out.`,
  );
  for (const line of survivors) console.log(`survived: ${line}`);
  for (const line of surprising) console.log(line);
  return survivors.length + surprising.length;
};

// --- The campaign ----------------------------------------------------------------------------------------------------

/** How long a test may take with a mutant, by how long it takes without: the machine may be busy. */
const limitOf = ms => 4 * ms + 20_000;

/** Tests that compute longer may depend on the machine: a failure of theirs has to come twice. */
const QUICK_MS = 2000;

const outcomeOf = async ({ file, ms, cpu }, { id }, copy) => {
  if (cpu <= QUICK_MS) {
    const found = await copy.runHot(file, id);
    if (found) return found.outcome;
  }
  const run = () => copy.run(file, { mutant: id, limit: limitOf(ms) });
  const { outcome } = await run();
  return outcome === 'failed' && cpu > QUICK_MS ? (await run()).outcome : outcome;
};

const runMutant = async (mutant, copy, tests, record) => {
  const before = results.of(mutant);
  const plan = planFor(mutant, tests, { record, ran: before?.ran ?? {}, budget });
  if (before && plan.length === 0) return;
  const start = performance.now();
  const ran = {};
  let status = 'survived';
  let by;
  for (const test of plan) {
    const outcome = await outcomeOf(test, mutant, copy);
    record.add(mutant.file, test.name, outcome !== 'passed');
    if (outcome === 'passed') {
      ran[test.name] = test.version;
      continue;
    }
    status = outcome === 'timeout' ? 'timeout' : 'killed';
    by = test.name;
    break;
  }
  const ms = Math.round(performance.now() - start);
  results.add({ name: mutant.name, version: mutant.version, status, by, ran, ms });
  const how = by ? ` by ${by}` : ` ${Object.keys(ran).length} test files`;
  console.log(`${status}${how} in ${(ms / 1000).toFixed(1)} s: ${mutant.place}  ${mutant.name}`);
};

const campaign = async () => {
  const copy = makeCopy(root, made.files);
  process.once('exit', copy.remove);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  const tests = await measureCoverage(copy, made.mutants, {
    store: path.join(values.results, 'coverage.json'),
    workers,
    again: values.coverage,
  });
  const [quickest] = tests.toSorted((a, b) => a.cpu - b.cpu);
  const { outcome, why } = await copy.run(quickest.file, { limit: limitOf(quickest.ms) });
  // Otherwise every mutant would seem to be killed.
  if (outcome !== 'passed') throw new Error(`${quickest.file} fails without a mutant: ${why}`);

  const record = makeRecord();
  for (const { name, by, ran } of results.all()) {
    const source = name.split(' ')[0];
    for (const test of Object.keys(ran)) record.add(source, test, false);
    if (by) record.add(source, by, true);
  }
  const isOpen = mutant => !['killed', 'timeout'].includes(results.of(mutant)?.status);
  const isWanted = mutant => isOpen(mutant) && (!values.again || results.of(mutant) !== undefined);
  const todo = mutants.filter(mutant => isWanted(mutant) && !Object.hasOwn(accepted, mutant.name));
  // Survivors of earlier runs come last, and before them those that are seldom alone in what they show.
  const rankOf = mutant => (results.of(mutant) ? 2 : Number(mutant.isWeak));
  todo.sort((a, b) => rankOf(a) - rankOf(b));
  const work = async () => {
    for (let next = todo.shift(); next; next = todo.shift()) await runMutant(next, copy, tests, record);
  };
  await Promise.all(Array.from({ length: workers }, work));
};

if (!values.list) await campaign();
if (report() > 0) process.exitCode = 1;
