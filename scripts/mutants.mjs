/**
 * Mutation tests of the store: changes its code in one place at a time, and reports the changes that no test notices.
 *
 *     npm run mutants -- [--area NAME]... [--file PATH]... [--shard K/N] [--jobs N] [--minutes N]
 *                        [--budget SECONDS] [--rust] [--unit] [--again] [--list-survivors]
 *                        [--summary] [--record]
 *
 * cargo-mutants lists the changes. Most mutants are compiled into one build, in a copy of the checkout under
 * `target/mutants`, and an environment variable selects one when a test runs. The others are built one by one. A first run
 * without a mutant shows which tests reach which mutants. Only these tests then run with a mutant, those with the best
 * chance first, until one fails.
 *
 * Results are stored in `target/mutants/*.jsonl`, so a run can be ended at any time, and the next one continues. At its
 * end, a run also writes the results to `scripts/mutants/results/rust`, which is committed, so that runs on other machines
 * find them. A result is valid until the function changes.
 *
 *     --rust             run only tests in Rust; a later run shows the survivors to the tests in JavaScript
 *     --unit             run only the library's unit tests
 *     --again            run the current tests on survivors of earlier runs
 *     --budget           seconds that the tests of one mutant may take together, 90 by default; 0 for no limit
 *     --list-survivors, --summary   run nothing; print results
 *     --record           run nothing; write the results to the repository
 *
 * Survivors that make no difference are listed in `scripts/mutants/accepted.json` with the reason.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { MutantsError, areas, functionsOf, listMutants } from './mutants/list.mjs';
import { readRecord, updateTable, writeRecord } from './mutants/record.mjs';
import { letterOf, makeAccepted, makeResults } from './mutants/results.mjs';
import { ask, findTests, stopAll, suitesFor, traceTests } from './mutants/suites.mjs';
import { makeTree, stopCompiling } from './mutants/tree.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = path.join(root, 'target', 'mutants');

const { values } = parseArgs({
  options: {
    area: { type: 'string', multiple: true, default: Object.keys(areas) },
    file: { type: 'string', multiple: true, default: [] },
    shard: { type: 'string', default: '1/1' },
    jobs: { type: 'string', default: '2' },
    minutes: { type: 'string', default: 'Infinity' },
    budget: { type: 'string', default: '90' },
    rust: { type: 'boolean', default: false },
    unit: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    'list-survivors': { type: 'boolean', default: false },
    summary: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});

const isQuick = values.rust || values.unit;
const begun = performance.now();
const say = text => console.log(`${Math.round((performance.now() - begun) / 1000)} s: ${text}`);

const [shard, shards] = values.shard.split('/').map(Number);
if (!(shard >= 1 && shard <= shards))
  throw new MutantsError(`--shard ${values.shard} is not of the form K/N, such as 1/4`);
const results = makeResults(directory, `results-${shard}-of-${shards}.jsonl`);
const accepted = makeAccepted();
const outcomeOf = ({ key }) => results.get(key)?.outcome;

const placeOf = ({ file, line, functionName, name, where }) =>
  `${file}:${line}: ${name}${functionName ? ` in ${functionName}` : ''}\n    ${where}`;

const listSurvivors = mutants => {
  for (const mutant of mutants) {
    if (!['survived', 'pending'].includes(outcomeOf(mutant)) || accepted.reasonFor(mutant)) continue;
    const { suites, left, isRecorded } = results.get(mutant.key);
    console.log(placeOf(mutant));
    if (isRecorded) continue;
    const asked = `${suites.length}${suites.length === 0 ? ' (no test reaches it)' : ''}`;
    console.log(
      `    suites run: ${asked}, not run: ${outcomeOf(mutant) === 'pending' ? 'those in JavaScript' : left.length}`,
    );
  }
};

const summarize = (mutants, everything) => {
  const rows = values.area.map(area => {
    const own = mutants.filter(mutant => mutant.area === area);
    const lettered = letter => own.filter(mutant => letterOf(mutant, results, accepted) === letter).length;
    const row = {
      area,
      mutants: own.length,
      unviable: lettered('u'),
      caught: lettered('c'),
      accepted: lettered('a'),
      survived: lettered('S'),
      'passed Rust': lettered('p'),
      'not run': lettered('.'),
    };
    const all = row.mutants - row.unviable - row.accepted;
    return { ...row, 'caught %': all ? Math.round((1000 * row.caught) / all) / 10 : '' };
  });
  console.table(rows);
  if (everything) {
    for (const entry of accepted.stale(mutants, outcomeOf)) {
      console.log(`accepted.json has an outdated entry: ${JSON.stringify(entry)}`);
      process.exitCode = 1;
    }
  }
};

/** Writes the outcomes of areas to the repository. */
const keepRecord = mutants => {
  for (const area of values.area) {
    const rows = functionsOf(mutants.filter(mutant => mutant.area === area)).map(
      ({ hash, file, name, mutants: own }) => ({
        hash,
        letters: own.map(mutant => letterOf(mutant, results, accepted)).join(''),
        file,
        name,
      }),
    );
    writeRecord('rust', area, rows);
  }
  updateTable('rust', Object.keys(areas));
};

/** After this many mutants of a file that it did not catch, a suite no longer runs in the first round. */
const HOPELESS = 6;

/** Ranks suites by their chance to catch a mutant of a file per second, estimated from their results so far. */
const makeRanking = () => {
  const counts = new Map();
  const countsOf = (file, id) => {
    const key = `${file} ${id}`;
    if (!counts.has(key)) counts.set(key, { asked: 0, caught: 0 });
    return counts.get(key);
  };
  const note = (file, id, caught) => {
    const found = countsOf(file, id);
    found.asked += 1;
    found.caught += Number(caught);
  };
  // With `--again`, the tests have changed, so earlier results say little.
  for (const { file, by, suites = [] } of values.again ? [] : results.all()) {
    for (const id of suites) note(file, id, id === by);
  }
  const worth = (file, { id, ms, isOwn }) => {
    const { asked, caught } = countsOf(file, id);
    return (caught + (isOwn ? 2 : 0.5)) / (asked + 2) / (ms + 300);
  };
  /** Sorts suites, the best first. A first round leaves out those that have caught no mutant of the file in many runs. */
  const sort = (file, suites, isLast) =>
    suites
      .filter(({ id }) => isLast || isQuick || countsOf(file, id).caught > 0 || countsOf(file, id).asked < HOPELESS)
      .sort((a, b) => worth(file, b) - worth(file, a));
  return { note, sort };
};

const ending = { asked: false };
const isOver = () => ending.asked || performance.now() - begun > Number(values.minutes) * 60_000;

/** Whether each suite that caught a mutant passes without one. Its tests were traced one by one, not together. */
const soundness = new Map();
const isSound = async (tree, suite, programs) => {
  if (!soundness.has(suite.id)) {
    const { caught } = await ask(tree, suite, programs);
    soundness.set(suite.id, !caught);
    if (caught) say(`${suite.id} fails without a mutant, and is no longer run`);
  }
  return soundness.get(suite.id);
};

const patience = Number(values.budget) * 1000 || Infinity;

/** Stores the result of a mutant. */
const note = ({ key, area, file, functionName, name, where }, outcome) => {
  const result = { key, area, file, function: functionName, name, where, ...outcome, at: Date.now() };
  results.add(result);
  return result;
};

/**
 * Runs suites with a mutant until one fails, and stores the result. `before`: the suites that ran already. `isLast`:
 * whether no further suites will run.
 */
const judge = async (
  mutant,
  suites,
  { tree, programs, number, ranking, budget = patience, before = [], isLast = true },
) => {
  const start = performance.now();
  const asked = [];
  const queue = ranking.sort(
    mutant.file,
    suites.filter(({ id }) => !before.includes(id)),
    isLast,
  );
  let caught;
  let spent = 0;
  // At least one suite runs. The result of a survivor lists those that did not.
  while (queue.length > 0 && !caught && (asked.length === 0 || spent + queue[0].ms <= budget)) {
    const suite = queue.shift();
    if (soundness.get(suite.id) === false) continue;
    const found = await ask(tree, suite, programs, number);
    if (ending.asked) return undefined;
    spent += found.ms;
    // A mutant with its own build has no number: it is active in every run of the program.
    if (found.caught && number !== undefined && !(await isSound(tree, suite, programs))) continue;
    asked.push(suite.id);
    ranking.note(mutant.file, suite.id, found.caught);
    if (found.caught) caught = { by: suite.id, timedOut: found.timedOut };
  }
  return note(mutant, {
    outcome: caught ? 'caught' : isLast ? 'survived' : 'pending',
    ...(caught ?? { left: queue.map(({ id }) => id) }),
    suites: [...before, ...asked],
    ms: Math.round(performance.now() - start),
  });
};

const runCampaign = async mutants => {
  const copy = makeTree(root, directory, { isUnitOnly: values.unit });
  copy.sync();
  say(`compiling ${mutants.length} mutants`);
  const { switched, unviable, numberOf } = await copy.buildSwitches(mutants, say);
  for (const mutant of unviable) {
    if (outcomeOf(mutant) !== 'unviable') note(mutant, { outcome: 'unviable' });
  }
  const singles = mutants.filter(mutant => !switched.includes(mutant) && !unviable.includes(mutant));
  say(`${switched.length} are in one build, ${unviable.length} do not compile, ${singles.length} are built one by one`);
  const programs = await copy.build();
  if (!programs) throw new MutantsError('The tests do not compile with the mutants');

  const traceFile = path.join(directory, 'trace.json');
  const old = existsSync(traceFile) ? JSON.parse(readFileSync(traceFile, 'utf8')) : { keys: [], traced: {} };
  const functionOf = ({ file, functionStart }) => `${file} ${functionStart}`;
  const near = new Map();
  for (const mutant of switched) {
    near.set(functionOf(mutant), [...(near.get(functionOf(mutant)) ?? []), mutant.key]);
  }
  // An unchanged test is not traced again. It is assumed to reach all new mutants of a file of which it reached one.
  const oldKeys = new Set(old.keys);
  const fileOf = new Map(mutants.map(({ key, file }) => [key, file]));
  const known = Object.fromEntries(
    Object.entries(old.traced).map(([id, trace]) => {
      const files = new Set(trace.reached.map(key => fileOf.get(key)));
      const added = switched.filter(({ key, file }) => !oldKeys.has(key) && files.has(file)).map(({ key }) => key);
      return [id, { ...trace, reached: [...trace.reached, ...added] }];
    }),
  );
  const ranking = makeRanking();
  const allTests = findTests(copy.tree, programs);
  const traced = {};

  /** Runs tests without a mutant. Returns a function from keys of mutants to the suites that reach one of them. */
  const look = async tests => {
    say(`running ${tests.length} tests without a mutant`);
    const found = await traceTests(copy.tree, tests, {
      jobs: Number(values.jobs),
      keyOf: number => mutants[number - 1]?.key,
      known,
      isOver: () => ending.asked,
      onProgress: (done, all, { id, file }, { ok, ms, reached }) => {
        if (!ok) say(`${id} fails without a mutant, and is not used`);
        if (file || done % 100 === 0) say(`${done}/${all} ${id}: ${ms} ms, ${reached.length} reached`);
      },
    });
    Object.assign(traced, found);
    const kept = { keys: mutants.map(({ key }) => key), traced: { ...known, ...traced } };
    writeFileSync(traceFile, JSON.stringify(kept));
    if (ending.asked) return undefined;
    const reachedBy = new Map(tests.map(({ id }) => [id, new Set(traced[id].reached)]));
    return (file, keys) => suitesFor(tests, traced, id => keys.some(key => reachedBy.get(id).has(key)), file);
  };
  const isWanted = mutant => {
    const outcome = outcomeOf(mutant);
    if (!outcome) return true;
    if (accepted.reasonFor(mutant)) return false;
    return outcome === 'pending' || (values.again && outcome === 'survived');
  };
  /** Runs suites with each of several mutants. Returns the survivors. */
  const tryAll = async (queue, suitesOf, { before, budget, isLast }) => {
    const survivors = [];
    say(`testing ${queue.length} mutants`);
    await Promise.all(
      Array.from({ length: Number(values.jobs) }, async () => {
        while (queue.length > 0 && !isOver()) {
          const mutant = queue.shift();
          const number = numberOf(mutant);
          const given = { tree: copy.tree, programs, number, ranking, before: before?.get(mutant), budget, isLast };
          const result = await judge(mutant, suitesOf(mutant.file, [mutant.key]), given);
          if (!result || result.outcome === 'caught') continue;
          survivors.push([mutant, result.suites]);
          say(`${result.outcome} (${queue.length} to go) ${placeOf(mutant)}`);
        }
      }),
    );
    return new Map(survivors);
  };

  const rustSuites = await look(allTests.filter(({ file }) => !file));
  const avaSuites = rustSuites && (await look(isQuick ? [] : allTests.filter(({ file }) => file)));
  if (!avaSuites) return;
  const bothSuites = (...of) => [...rustSuites(...of), ...avaSuites(...of)];
  for (const area of values.area) {
    if (isOver()) return;
    say(area);
    const queue = switched.filter(mutant => mutant.area === area && isWanted(mutant));
    // Tests in Rust run first because they are faster, and leave few mutants for those in JavaScript.
    const isNew = mutant => values.again || outcomeOf(mutant) !== 'pending';
    const left = await tryAll(queue.filter(isNew), rustSuites, { budget: patience / 3, isLast: false });
    if (isQuick) continue;
    const pending = queue.filter(mutant => !isNew(mutant));
    await tryAll([...left.keys(), ...pending], bothSuites, { before: left, isLast: true });
  }

  // Each needs its own build, which is only worthwhile if all tests run.
  const rest = isQuick ? [] : singles.filter(isWanted);
  say(`building ${rest.length} mutants one by one`);
  for (const mutant of rest) {
    if (isOver()) break;
    const own = await copy.buildOne(mutant);
    if (!own) {
      note(mutant, { outcome: 'unviable' });
      continue;
    }
    // Its function may have no switch, so the tests that reach it are unknown. Those that reach its file are used.
    const keys =
      near.get(functionOf(mutant)) ?? switched.filter(({ file }) => file === mutant.file).map(({ key }) => key);
    const suites = bothSuites(mutant.file, keys);
    const result = await judge(mutant, suites, { tree: copy.tree, programs: own, ranking, isLast: !isQuick });
    if (result && result.outcome !== 'caught') say(`${result.outcome} ${placeOf(mutant)}`);
  }
};

/** Contains the process ID of the run, since two runs cannot share the tree. */
const lock = path.join(directory, 'pid');
const isAlive = pid => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

try {
  const all = listMutants(root, { areaNames: values.area, files: values.file });
  const everything = values.area.length === Object.keys(areas).length && values.file.length === 0;
  results.addRecorded(all, readRecord('rust'));
  const mutants = all.filter((_, index) => index % shards === shard - 1);
  if (!values['list-survivors'] && !values.summary && !values.record) {
    if (existsSync(lock) && isAlive(Number(readFileSync(lock, 'utf8')))) {
      throw new MutantsError(`Another run is active: process ${readFileSync(lock, 'utf8')}`);
    }
    writeFileSync(lock, `${process.pid}`);
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => {
        ending.asked = true;
        stopCompiling();
        stopAll();
      });
    }
    await runCampaign(mutants);
    rmSync(lock, { force: true });
  }
  if (values['list-survivors']) listSurvivors(mutants);
  else if (!values.summary && values.file.length === 0) keepRecord(all);
  summarize(mutants, everything && shards === 1);
} catch (error) {
  if (!(error instanceof MutantsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
