/**
 * Runs one test file again and again in one process, each time with another mutant: most tests take less time than a process
 * and ava's worker take to start. Its tests run in ava's own runner.
 *
 * It is told `{ mutant }`, and answers with `{ outcome, why }`.
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

// What runs while files are loaded is not run again.
const sources = readdirSync(path.join(tree, 'js'), { recursive: true }).filter(name => name.endsWith('.js'));
const require = createRequire(path.join(tree, 'package.json'));
for (const name of ['index.js', ...sources.map(source => path.join('js', source))]) require(path.join(tree, name));
const stryker = (globalThis.__stryker__ ??= {});
const loaded = Object.keys(stryker.mutantCoverage?.static ?? {});

let fail = () => {};
for (const name of ['uncaughtException', 'unhandledRejection']) process.on(name, reason => fail(`${name}: ${reason}`));

let runs = 0;
const run = mutant =>
  new Promise(resolve => {
    runs += 1;
    const runner = new Runner({
      failFast: true,
      file: absolute,
      projectDir: tree,
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
      if (type === 'test-failed' || type === 'hook-failed') why ??= `${title}: ${err?.message ?? err?.summary}`;
    });
    runner.on('error', fail);
    // After what the tests have left behind.
    runner.on('finish', () => setImmediate(() => setImmediate(end)));
    globalThis.avaChain = runner.chain;
    stryker.activeMutant = mutant;
    import(`${pathToFileURL(absolute).href}?run=${runs}`).catch(fail);
  }).finally(() => {
    stryker.activeMutant = undefined;
    fail = () => {};
  });

process.on('disconnect', () => process.exit());
process.on('message', async ({ mutant }) => process.send(await run(mutant)));
process.send({ loaded });
