// Runs the examples on the package as npm would publish it: the tests of those for ava and jest; of the replay, what needs
// no compiled workers (`npm run test:kernel` runs the rest).
//
//   node __test__/external/examples/run.mjs [--work DIR] [ava|jest|replay ...]
//
// `--work DIR` keeps the installed files in DIR and reuses them. Otherwise a
// temporary directory is used, which is removed after success.
//
// The last line is the result; the exit code is 0 only if all checks passed.

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import * as api from '../../../index.mjs';
import { makeHistoryStore } from '../../support/common/history-store.mjs';
import { startTrial } from '../../support/external/trial.mjs';
import { capture, lastLines, run } from '../../support/external/processes.mjs';
import { findSubject } from '../../support/external/subjects.mjs';
import { SWING_STORE, pack, readJSON, unpack } from '../../support/external/trees.mjs';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

const { values: options, positionals } = parseArgs({ options: { work: { type: 'string' } }, allowPositionals: true });
const { work, checks, carryOut } = startTrial('examples', options.work);
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

/** Runs the program of the replay up to where it starts a worker, of which the source is installed, but not compiled. */
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

const trials = {
  ava: { dependency: ALIAS, use: runTests(/^\s*(\d+) tests? passed$/m) },
  jest: { dependency: ALIAS, use: runTests(/^Tests:\s+(\d+) passed, \1 total$/m) },
  replay: { dependency: { [subject.name]: `^${subject.version}` }, use: runReplay },
};

const main = async () => {
  mkdirSync(work, { recursive: true });
  const tarball = join(work, await pack(subject.dir, work, join(work, 'logs', 'pack.log')));
  const names = positionals.length ? positionals : Object.keys(trials);
  for (const name of names) {
    const { dependency, use } = trials[name];
    const dir = join(work, name);
    await install(name, dir, tarball, dependency);
    await use(name, dir);
  }
  rmSync(tarball);
};

await carryOut(main);
