/**
 * Runs one test file repeatedly in one process, each time with another mutant, because most tests take less time than the
 * start of a process and of ava's worker. The tests run in ava's own runner, one after the other, and only those that
 * reach the mutant.
 *
 * Receives `{ mutant, isActive, all }` and answers with `{ outcome, why }`. Without a mutant, or with `all`, runs all tests;
 * with an inactive mutant, the tests that reach it.
 */
import { readdirSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [tree, file] = process.argv.slice(2);
const absolute = path.join(tree, file);
const fromAva = name => import(pathToFileURL(path.join(tree, 'node_modules', 'ava', 'lib', name)).href);

register('./ava-hooks.mjs', import.meta.url);
const { set: setChalk } = await fromAva('chalk.js');
setChalk({ level: 0 });
const { default: Runner } = await fromAva('runner.js');

// Code that runs while files are loaded does not run again, so its mutants need a new process.
const sources = readdirSync(path.join(tree, 'js'), { recursive: true }).filter(name => name.endsWith('.js'));
const require = createRequire(path.join(tree, 'package.json'));
for (const name of ['index.js', ...sources.map(source => path.join('js', source))]) require(path.join(tree, name));
const stryker = (globalThis.__stryker__ ??= {});
const loaded = Object.keys(stryker.mutantCoverage?.static ?? {});

/** Activates a mutant in this process and in its children. */
const select = mutant => {
  stryker.activeMutant = mutant;
  if (mutant === undefined) delete process.env.__STRYKER_ACTIVE_MUTANT__;
  else process.env.__STRYKER_ACTIVE_MUTANT__ = mutant;
};

let fail = () => {};
for (const name of ['uncaughtException', 'unhandledRejection']) process.on(name, reason => fail(`${name}: ${reason}`));

/** The mutants that each test reaches while none is active. */
const reached = new Map();

/** The titles of the tests that reach a mutant; all titles if no test does. */
const titlesFor = mutant => {
  const titles = [...reached].filter(([, mutants]) => mutants.has(mutant)).map(([title]) => title);
  return titles.length > 0 ? titles : [...reached.keys()];
};

let runs = 0;
const run = ({ mutant, isActive, all }) =>
  new Promise(resolve => {
    runs += 1;
    const runner = new Runner({
      failFast: true,
      file: absolute,
      projectDir: tree,
      serial: true,
      snapshotDir: null,
    });
    let why;
    let passed = 0;
    const end = () => resolve({ outcome: why === undefined && passed > 0 ? 'passed' : 'failed', why });
    fail = reason => {
      why ??= `${reason}`;
      end();
    };
    runner.on('stateChange', ({ type, title, err }) => {
      if (type === 'test-passed') passed += 1;
      if (type === 'test-failed' || type === 'hook-failed') why ??= `${title}: ${err?.message ?? err?.formattedError}`;
    });
    runner.on('error', fail);
    const titles = mutant === undefined || all ? undefined : titlesFor(mutant);
    const runTest = runner.runTest.bind(runner);
    runner.runTest = (task, context) => {
      if (titles && !titles.includes(task.title)) return true;
      stryker.currentTestId = task.title;
      return runTest(task, context);
    };
    // After the callbacks that the tests have scheduled.
    runner.on('finish', () => setImmediate(() => setImmediate(end)));
    globalThis.avaChain = runner.chain;
    select(isActive ? mutant : undefined);
    import(`${pathToFileURL(absolute).href}?run=${runs}`).catch(fail);
  }).finally(() => {
    select(undefined);
    fail = () => {};
    stryker.currentTestId = undefined;
    if (mutant !== undefined) return;
    for (const [title, counts] of Object.entries(stryker.mutantCoverage?.perTest ?? {})) {
      reached.set(title, new Set([...(reached.get(title) ?? []), ...Object.keys(counts)]));
    }
  });

process.on('disconnect', () => process.exit());
process.on('message', async message => process.send(await run(message)));
process.send({ loaded });
