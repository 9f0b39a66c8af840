// Mutation tests of js/: changes the code in one place at a time, and runs the tests that reach it until one fails.
//
//   npm run mutants:js -- [--file NAME]... [--shard K/N] [--budget SECONDS] [--workers N] [--again] [--all] [--list]
//                         [--record] [--coverage] [--results DIR]
//
// Results are in .cache/mutants/js, and at the end of each run also in scripts/mutants/results/js and in the table in
// docs/project/fault-tests.md, so a run continues where the last one ended, on another machine, too. Only mutants of
// functions that changed run again.
//
//   --file     only mutants of this file of js/; may be repeated, and then also sets the order
//   --shard    only the Kth of N parts, for several machines: concatenate their results.jsonl afterwards
//   --budget   seconds that the tests of one mutant may take together, 60 by default; a later run with a larger budget
//              runs the remaining tests on survivors
//   --workers  the number of test files that run at a time
//   --again    only survivors of earlier runs, after tests were added
//   --all      also mutants whose results are in the repository
//   --list     runs nothing; prints the counts for each file, and the survivors
//   --record   runs nothing; writes the results to the repository, and prints the same
//   --coverage measures again which mutants the changed test files reach
//   --results  another directory for results
//
// A mutant that makes a test hang twice, or compute without end, counts as killed. Survivors that make no difference are in
// scripts/mutants/accepted-js.json with the reason. The exit code is 1 if others survived, or if an accepted one is no
// longer a mutant or was killed.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { makeCopy } from './js/copy.mjs';
import { measureCoverage } from './js/coverage.mjs';
import { makeMutants } from './js/mutants.mjs';
import { makeRecord, planFor } from './js/plan.mjs';
import { readLetters, writeLetters } from './js/record.mjs';
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
    all: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
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
const recorded = values.all ? new Map() : readLetters(made.mutants);
const results = openResults(path.join(values.results, 'results.jsonl'), recorded);
/** @type {Record<string, string>} */
const accepted = JSON.parse(readFileSync(acceptedFile, 'utf8'));

// --- The report ------------------------------------------------------------------------------------------------------

/** Prints the table and the survivors. Returns the number of survivors and of accepted mutants that should not be. */
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
      if (isAccepted) surprising.push(`accepted, but killed by ${results.of(mutant).by}: ${mutant.name}`);
    } else if (isAccepted) row.accepted += 1;
    else if (status === undefined) row['not run'] += 1;
    else {
      row.survived += 1;
      survivors.push(`${mutant.place}  ${mutant.name}`);
    }
  }
  const names = new Set(made.mutants.map(({ name }) => name));
  for (const name of Object.keys(accepted)) {
    if (!names.has(name)) surprising.push(`accepted, but no longer a mutant: ${name}`);
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

/** The longest duration of a test with a mutant, from its duration without. Generous, because the machine may be busy. */
const limitOf = ms => 4 * ms + 20_000;

/** Tests that compute longer may depend on the machine: a failure of theirs must come twice. */
const QUICK_MS = 2000;

const isQuick = ({ cpu }) => cpu <= QUICK_MS;

const outcomeOf = async (test, { id }, copy, all) => {
  const { file, ms } = test;
  // A timeout must come twice, too, unless the test computed too long: other work on the machine may have caused it.
  if (isQuick(test)) {
    const first = await copy.runHot(file, id, all);
    const isDoubtful = first?.outcome === 'timeout' && !first.isSure;
    const found = isDoubtful ? await copy.runHot(file, id, all) : first;
    if (found) return found.outcome;
  }
  const run = () => copy.run(file, { mutant: id, limit: limitOf(ms) });
  const { outcome } = await run();
  const isSure = outcome === 'passed' || (outcome === 'failed' && isQuick(test));
  return isSure ? outcome : (await run()).outcome;
};

const runMutant = async (mutant, copy, tests, record) => {
  const before = results.of(mutant);
  const plan = planFor(mutant, tests, { record, ran: before?.ran ?? {}, budget });
  if (before && plan.length === 0) return;
  const start = performance.now();
  const ran = {};
  let status = 'survived';
  let by;
  // A quick file first runs only the tests that are known to reach the mutant. Others may reach it in another realm or
  // process.
  const rounds = [
    ...plan.map(test => ({ test, all: false })),
    ...plan.filter(isQuick).map(test => ({ test, all: true })),
  ];
  for (const { test, all } of rounds) {
    const outcome = await outcomeOf(test, mutant, copy, all);
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
  const all = planFor(mutant, tests, { record, ran: { ...before?.ran, ...ran }, budget: Infinity });
  results.add({ name: mutant.name, version: mutant.version, status, by, ran, ms, hasMetAll: all.length === 0 });
  const how = by ? ` by ${by}` : ` ${Object.keys(ran).length} test files`;
  console.log(`${status}${how} in ${(ms / 1000).toFixed(1)} s: ${mutant.place}  ${mutant.name}`);
};

/** Writes the results to the repository. */
const writeResults = () =>
  writeLetters(made.mutants, mutant => {
    const result = results.of(mutant);
    if (result && result.status !== 'survived') return 'c';
    if (Object.hasOwn(accepted, mutant.name)) return 'a';
    if (!result) return '.';
    return result.isRecorded || result.hasMetAll ? 'S' : 'p';
  });

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
  const isWanted = mutant => {
    const before = results.of(mutant);
    // A survivor in the repository has met all tests.
    return isOpen(mutant) && (values.again ? before !== undefined : !before?.isRecorded);
  };
  const todo = mutants.filter(mutant => isWanted(mutant) && !Object.hasOwn(accepted, mutant.name));
  // Survivors of earlier runs come last; before them, mutants that seldom survive alone.
  const rankOf = mutant => (results.of(mutant) ? 2 : Number(mutant.isWeak));
  todo.sort((a, b) => rankOf(a) - rankOf(b));
  const work = async () => {
    for (let next = todo.shift(); next; next = todo.shift()) await runMutant(next, copy, tests, record);
  };
  // Also after Ctrl-C.
  process.once('exit', writeResults);
  await Promise.all(Array.from({ length: workers }, work));
};

if (values.record) writeResults();
else if (!values.list) await campaign();
if (report() > 0) process.exitCode = 1;
