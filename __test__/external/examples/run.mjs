// Runs the examples on the package as npm would publish it: the tests of those for ava, jest and metrics; of the replay,
// what needs no compiled workers (`npm run test:kernel` runs the rest).
//
//   node __test__/external/examples/run.mjs [--work DIR] [ava|jest|metrics|replay|cosmic-swingset ...]
//
// Without names, runs all but cosmic-swingset, whose workers take minutes to compile.
//
// `--work DIR` keeps the installed files in DIR and reuses them. Otherwise a
// temporary directory is used, which is removed after success.
//
// With promtool, in the path or named by PROMTOOL, the alert rules of the example `metrics` are tested, too. Debian's
// package `prometheus` has it.
//
// The last line is the result; the exit code is 0 only if all checks passed.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import * as api from '../../../index.mjs';
import { makeHistoryStore } from '../../support/common/history-store.mjs';
import { runCosmicSwingset } from './cosmic-swingset.mjs';
import { startTrial } from '../../support/external/trial.mjs';
import { capture, lastLines, run } from '../../support/external/processes.mjs';
import { findSubject } from '../../support/external/subjects.mjs';
import { SWING_STORE, pack, readJSON, unpack } from '../../support/external/trees.mjs';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

const { values: options, positionals } = parseArgs({ options: { work: { type: 'string' } }, allowPositionals: true });
const { work, checks, progress, carryOut } = startTrial('examples', options.work);
const subject = findSubject('ours');

/** The name under which the tests of other packages import this package. */
const ALIAS = { [SWING_STORE]: `npm:${subject.name}@^${subject.version}` };

/**
 * Installs a copy of an example. Copies our package to the directory of its name, since it may be unpublished.
 *
 * @param {string} name
 * @param {string} dir
 * @param {string} tarball our package
 * @param {Record<string, string>} dependency that of the example on our package
 */
const install = async (name, dir, tarball, dependency) => {
  const log = join(work, 'logs', `${name}-install.log`);
  const lock = readFileSync(join(examples, name, 'package-lock.json'), 'utf8');
  const { dependencies, ...rest } = readJSON(join(examples, name, 'package.json'));
  const [[packageName, range]] = Object.entries(dependency);
  const { [packageName]: found, ...others } = dependencies;
  checks.equal(`${name}: the example depends on this package as ${packageName}`, found, range);
  const manifest = { ...rest, dependencies: others };
  const done = join(dir, 'installed.json');
  mkdirSync(dir, { recursive: true });
  if (!existsSync(done) || readFileSync(done, 'utf8') !== lock) {
    rmSync(done, { force: true });
    writeFileSync(join(dir, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(dir, 'package-lock.json'), lock);
    await run(log, 'npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: dir, minutes: 10 });
    writeFileSync(done, lock);
  }
  await unpack(tarball, join(dir, 'node_modules', packageName), log);
  for (const entry of readdirSync(join(examples, name))) {
    if (entry !== 'node_modules' && entry !== 'package-lock.json') {
      rmSync(join(dir, entry), { recursive: true, force: true });
      cpSync(join(examples, name, entry), join(dir, entry), { recursive: true });
    }
  }
};

/** Runs the tests of an example, and finds their number in the runner's message of success. */
const runTests = tally => async (name, dir) => {
  const log = join(work, 'logs', `${name}.log`);
  await run(log, 'npm', ['test'], { cwd: dir, env: { CI: 'true' }, minutes: 2 });
  const [, count] = tally.exec(readFileSync(log, 'utf8')) ?? [];
  checks.holds(`${name}: ${count} tests pass`, Number(count) >= 6, lastLines(log, 40));
};

/** Runs the replay until it starts a worker. The worker is not compiled; only its source is installed. */
const runReplay = async (name, dir) => {
  const store = join(work, 'store');
  rmSync(store, { recursive: true, force: true });
  await makeHistoryStore(api, store);
  const replay = async args => {
    const log = join(work, 'logs', `${name}.log`);
    const { code, stdout } = await capture(log, process.execPath, [join(dir, 'replay.js'), ...args]);
    return { code, stdout };
  };
  const help = await replay(['--help']);
  checks.holds(`${name}: it prints its help`, help.code === 0 && help.stdout.startsWith('Usage: '), help.stdout);
  const refused = await replay([store, '--vat', 'v6', '--json']);
  const { error } = JSON.parse(refused.stdout);
  checks.holds(
    `${name}: it reads the store, and says that the workers are not compiled`,
    refused.code === 2 && /so the workers are not compiled: run "npm rebuild @agoric\/xsnap"/.test(error?.message),
    refused.stdout,
  );
};

/** Checks the alert rules, the queries of the dashboard and the text of the metrics with promtool, if there is one. */
const checkWithPromtool = async dir => {
  const promtool = env.PROMTOOL ?? 'promtool';
  const { error } = spawnSync(promtool, ['--version']);
  if (error) {
    progress(`metrics: not checked by promtool, which cannot be started: ${error.message}`);
    return;
  }
  const check = (what, args, input) => {
    const { status, stdout, stderr } = spawnSync(promtool, args, {
      cwd: join(dir, 'prometheus'),
      input,
      encoding: 'utf8',
    });
    checks.holds(`metrics: promtool accepts ${what}`, status === 0, `${stdout}${stderr}`);
  };
  check('the alert rules', ['check', 'rules', 'alerts.yml']);
  check('their tests', ['test', 'rules', 'alerts.test.yml']);
  const { panels } = readJSON(join(dir, 'grafana', 'dashboard.json'));
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const plain = queries.map(query => query.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'));
  const rules = plain.map((expr, number) => ({ record: `query:${number}`, expr }));
  const file = join(dir, 'prometheus', 'dashboard.yml');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  check('the queries of the dashboard', ['check', 'rules', file]);
  const store = join(dir, 'store');
  const { initSwingStore, formatMetrics, measureSwingStore } = api;
  const { kernelStorage, hostStorage } = initSwingStore(store);
  kernelStorage.transcriptStore.initTranscript('v1');
  await hostStorage.commit();
  check('the metrics of a running store', ['check', 'metrics'], formatMetrics(hostStorage.metrics()));
  await hostStorage.close();
  const stored = await measureSwingStore(store, { perVat: true, archivedIn: join(dir, 'nothing') });
  check('the metrics of its contents', ['check', 'metrics'], formatMetrics(stored));
};

/** Runs the tests of the example with metrics, and promtool. */
const runMetrics = async (name, dir) => {
  await runTests(/^# pass (\d+)$/m)(name, dir);
  await checkWithPromtool(dir);
};

const trials = {
  ava: { dependency: ALIAS, use: runTests(/^\s*(\d+) tests? passed$/m) },
  jest: { dependency: ALIAS, use: runTests(/^Tests:\s+(\d+) passed, \1 total$/m) },
  metrics: { dependency: ALIAS, use: runMetrics },
  replay: { dependency: { [subject.name]: `^${subject.version}` }, use: runReplay },
};

const main = async () => {
  mkdirSync(work, { recursive: true });
  const tarball = join(work, await pack(subject.dir, work, join(work, 'logs', 'pack.log')));
  const names = positionals.length ? positionals : Object.keys(trials);
  for (const name of names) {
    const dir = join(work, name);
    if (name === 'cosmic-swingset') {
      await runCosmicSwingset({ checks, progress, subject, example: join(examples, name), dir, work, tarball });
      continue;
    }
    if (!Object.hasOwn(trials, name)) {
      throw Error(
        `No example is called "${name}": there are ${[...Object.keys(trials), 'cosmic-swingset'].join(', ')}.`,
      );
    }
    const { dependency, use } = trials[name];
    await install(name, dir, tarball, dependency);
    await use(name, dir);
  }
  rmSync(tarball);
};

await carryOut(main);
