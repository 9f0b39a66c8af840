// Runs the examples' tests on the package as npm would publish it.
//
//   node __test__/external/examples/run.mjs [--work DIR] [ava|jest ...]
//
// `--work DIR` keeps the installed files in DIR and reuses them. Otherwise a
// temporary directory is used, which is removed after success.
//
// The last line is the result; the exit code is 0 only if all checks passed.

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import { startTrial } from '../../support/external/trial.mjs';
import { lastLines, run } from '../../support/external/processes.mjs';
import { findSubject } from '../../support/external/subjects.mjs';
import { SWING_STORE, pack, readJSON, unpack } from '../../support/external/trees.mjs';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

const { values: options, positionals } = parseArgs({ options: { work: { type: 'string' } }, allowPositionals: true });
const { work, checks, carryOut } = startTrial('examples', options.work);
const subject = findSubject('ours');

/** Installs a copy of an example. Copies our package to the directory of its alias, since it may be unpublished. */
const install = async (name, dir, tarball) => {
  const log = join(work, 'logs', `${name}-install.log`);
  const lock = readFileSync(join(examples, name, 'package-lock.json'), 'utf8');
  const { dependencies, ...manifest } = readJSON(join(examples, name, 'package.json'));
  checks.equal(`${name}: the example depends on this package under its alias`, Object.entries(dependencies), [
    [SWING_STORE, `npm:${subject.name}@^${subject.version}`],
  ]);
  const done = join(dir, 'installed.json');
  mkdirSync(dir, { recursive: true });
  if (!existsSync(done) || readFileSync(done, 'utf8') !== lock) {
    rmSync(done, { force: true });
    writeFileSync(join(dir, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(dir, 'package-lock.json'), lock);
    await run(log, 'npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: dir, minutes: 10 });
    writeFileSync(done, lock);
  }
  await unpack(tarball, join(dir, 'node_modules', SWING_STORE), log);
  for (const entry of readdirSync(join(examples, name))) {
    if (entry !== 'node_modules' && entry !== 'package-lock.json') {
      rmSync(join(dir, entry), { recursive: true, force: true });
      cpSync(join(examples, name, entry), join(dir, entry), { recursive: true });
    }
  }
};

/** The messages with which the runners report success, with the number of tests. */
const tallies = { ava: /^\s*(\d+) tests? passed$/m, jest: /^Tests:\s+(\d+) passed, \1 total$/m };

const main = async () => {
  mkdirSync(work, { recursive: true });
  const tarball = join(work, await pack(subject.dir, work, join(work, 'logs', 'pack.log')));
  const names = positionals.length ? positionals : Object.keys(tallies);
  for (const name of names) {
    const dir = join(work, name);
    await install(name, dir, tarball);
    const log = join(work, 'logs', `${name}.log`);
    await run(log, 'npm', ['test'], { cwd: dir, env: { CI: 'true' }, minutes: 2 });
    const [, count] = tallies[name].exec(readFileSync(log, 'utf8')) ?? [];
    checks.holds(`${name}: ${count} tests pass`, Number(count) >= 6, lastLines(log, 40));
  }
  rmSync(tarball);
};

await carryOut(main);
