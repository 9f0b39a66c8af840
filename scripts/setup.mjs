/**
 * Prepares a fresh clone: installs the npm dependencies and builds the addon, each only if it is missing or older than its
 * sources. If everything is up to date, this takes a few milliseconds, so scripts always call it.
 *
 * Uses only Node.js itself, since nothing else may be installed yet.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { buildAdvice } from './advice.mjs';
import { betterSqlite3For, isReferenceVersion } from './better-sqlite3.mjs';
import { showElapsed } from './elapsed.mjs';
import { fetchPackage } from './fetch-package.mjs';
import { addonSources } from './sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...parts) => path.join(root, ...parts);

/** An error for the user of the script: printed without a stack. */
export class SetupError extends Error {}

// --- Checking what is outdated ---------------------------------------------------------------------------------------

/** The modification time of a file; `undefined` if it does not exist. */
const changed = file => statSync(file, { throwIfNoEntry: false })?.mtimeMs;

/** The latest modification time of some files and of the files in some directories. */
const newest = files => {
  let latest = 0;
  for (const file of files) {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (!stat) continue;
    const inside = stat.isDirectory() ? newest(readdirSync(file).map(name => path.join(file, name))) : stat.mtimeMs;
    latest = Math.max(latest, inside);
  }
  return latest;
};

/** Whether `made` is missing, or older than any of its sources by more than some milliseconds. */
const isStale = (made, sources, slack = 0) => {
  const time = changed(made);
  return time === undefined || time + slack < newest(sources);
};

// npm writes this file last, so it marks a complete installation; `npm install` may write the lock file right after it.
const installed = at('node_modules', '.package-lock.json');

// Addons that are compiled during the installation work with one version of Node.js only.
const installedFor = at('node_modules', '.node-abi');
const abi = `${process.versions.modules}, better-sqlite3 ${betterSqlite3For()}`;
const isForAnother = () => existsSync(installedFor) && readFileSync(installedFor, 'utf8') !== abi;

const needsInstall = () => isStale(installed, [at('package-lock.json')], 2000) || isForAnother();

/** The path of the addon, whose name contains the platform; `undefined` if it was not built. */
const addon = () => {
  const prefix = `swing-store-native.${process.platform}-${process.arch}`;
  const name = readdirSync(root).find(file => file.startsWith(prefix) && file.endsWith('.node'));
  return name && at(name);
};
const needsBuild = () => {
  const file = addon();
  const sources = addonSources.map(name => at(name));
  return file === undefined || isStale(file, sources);
};

// --- Installing and building ----------------------------------------------------------------------------------------

/** Whether a program exists and runs. */
const runs = program => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 9)) return;
  throw new SetupError(`This needs Node.js 20.9 or newer; this is ${process.versions.node}.`);
};

const checkCargo = () => {
  if (runs('cargo')) return;
  throw new SetupError(
    'The addon is written in Rust, but "cargo" was not found or does not run. Install Rust (https://rustup.rs), ' +
      'open a new terminal, which updates the PATH, and retry.',
  );
};

/** Explains why npm probably failed, judging by its output. */
const installAdvice = output => {
  if (/gyp ERR!|node-gyp|prebuild-install/.test(output)) {
    return (
      'better-sqlite3, a development dependency of the tests, has no prebuilt file for this platform and could not be ' +
      'compiled. Its compilation needs Python 3, make and a C++ compiler: ' +
      'on Debian or Ubuntu "python3 make g++", on macOS "xcode-select --install".'
    );
  }
  if (/ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ECONNREFUSED|ECONNRESET/.test(output)) {
    return 'npm could not reach the package registry.';
  }
  if (/EUSAGE|in sync/.test(output)) return 'package.json and package-lock.json disagree. Run "npm install".';
  return undefined;
};

/** The crate that cargo compiles, if this is a line of its output that names one. */
const compiledCrate = text => text.match(/(?<=^\s*Compiling )\S+/gm)?.at(-1);

/**
 * Runs npm, and shows its output only if it fails.
 *
 * @param {string[]} args
 * @param {(output: string) => string | undefined} advise explains a failure
 * @param {{ note?: (detail: string) => void, env?: Record<string, string> }} [options] `note` learns which crate is compiled
 */
const npm = (args, advise, { note = () => {}, env = {} } = {}) =>
  new Promise((resolve, reject) => {
    // npm passes its own path to the scripts that it runs; elsewhere, the PATH is searched.
    const script = process.env.npm_execpath;
    const [program, first] = script?.endsWith('.js') ? [process.execPath, [script]] : ['npm', []];
    const child = spawn(program, [...first, ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // On Windows `npm` is a batch file, which only a shell can run.
      shell: program === 'npm' && process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', text => {
        output += text;
        const crate = compiledCrate(text);
        if (crate) note(`compiling ${crate}`);
      });
    }
    child.on('error', error => reject(new SetupError(`could not run "npm": ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      const end = output.trim().split('\n').slice(-40).join('\n');
      const why = advise(output);
      const what = `"npm ${args.join(' ')}" failed (${signal ?? `exit code ${code}`}).`;
      return reject(new SetupError([end, '', what, ...(why ? [why] : [])].join('\n')));
    });
  });

const seconds = since => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** The directory that exists if better-sqlite3 was compiled, and the file that says that this was done quickly. */
const compiledSqlite = at('node_modules', 'better-sqlite3', 'build', 'Release', 'obj.target');
const quickSqlite = at('node_modules', '.better-sqlite3-quick');

/** Installs the development dependencies. */
const install = async note => {
  // With NODE_ENV=production, npm would omit development dependencies, which the build needs.
  await npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--ignore-scripts'], installAdvice);
  // Until better-sqlite3 is there, too, the installation is for no version of Node.js.
  writeFileSync(installedFor, 'none yet');
  const version = betterSqlite3For();
  if (isReferenceVersion(version)) {
    note?.('downloading or compiling better-sqlite3');
    // If it has to be compiled: by default, that is one file after the other, and takes four times as long for a few percent
    // of speed.
    const env = { MAKEFLAGS: `-j${availableParallelism()}`, CFLAGS: '-O1', CXXFLAGS: '-O1' };
    await npm(['rebuild', 'better-sqlite3', '--foreground-scripts'], installAdvice, { env });
    // For the benchmark, whose results say so.
    if (existsSync(compiledSqlite)) writeFileSync(quickSqlite, '');
  } else {
    try {
      fetchPackage('better-sqlite3', version, at('node_modules'));
    } catch (error) {
      throw new SetupError(error.message);
    }
  }
  writeFileSync(installedFor, abi);
};

/** Builds the addon. */
const build = async note => {
  checkCargo();
  await npm(['run', 'build:quick'], buildAdvice, { note });
  const file = addon();
  if (!file) throw new SetupError('The build succeeded but produced no addon for this platform.');
  // If cargo compiled nothing, the file may still have its old modification time.
  utimesSync(file, new Date(), new Date());
};

/** Runs a step, shows that it goes on, and prints one line with its name and duration. */
const step = async (what, display, act) => {
  const start = performance.now();
  const shown = display?.begin(what);
  try {
    await act(shown?.note);
  } catch (error) {
    shown?.end('failed');
    throw error;
  }
  shown?.end(seconds(start));
};

// --- Running one setup at a time -------------------------------------------------------------------------------------

const lockFile = at('.cache', 'setup.lock');

/** Whether the process that wrote the lock still exists. */
const isHeld = () => {
  let pid;
  try {
    pid = Number(readFileSync(lockFile, 'utf8'));
  } catch {
    return false;
  }
  // A lock without a number is valid for one second: its process may not have written the number yet.
  if (!pid) return Date.now() - (changed(lockFile) ?? 0) < 1000;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** Runs `act` while no other process runs one; waits if necessary. */
const alone = async (quiet, act) => {
  mkdirSync(path.dirname(lockFile), { recursive: true });
  let waiting = false;
  for (;;) {
    try {
      const file = openSync(lockFile, 'wx');
      writeSync(file, String(process.pid));
      closeSync(file);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!isHeld()) {
      rmSync(lockFile, { force: true });
    } else {
      if (!waiting && !quiet) console.log('waiting for another setup to finish');
      waiting = true;
      await sleep(200);
    }
  }
  const release = () => rmSync(lockFile, { force: true });
  process.once('exit', release);
  try {
    return await act();
  } finally {
    process.off('exit', release);
    release();
  }
};

/**
 * Installs the dependencies and builds the addon, each if it is missing or outdated.
 *
 * @param {{ quiet?: boolean }} [options] with `quiet`, prints nothing unless it fails
 * @throws {SetupError} with a message for the user
 */
export const setup = async ({ quiet = false } = {}) => {
  checkNode();
  if (!needsInstall() && !needsBuild()) return;
  await alone(quiet, async () => {
    // Checked again: the process that held the lock may have done everything.
    const works = [];
    if (needsInstall()) works.push(['installing npm dependencies', install]);
    if (needsBuild()) works.push(['building the addon', build]);
    if (!quiet) for (const [what] of works) console.log(`${what}: takes minutes the first time ...`);
    const display = quiet ? undefined : showElapsed();
    // Concurrently: the steps are independent, and each mostly uses one core.
    const outcomes = await Promise.allSettled(works.map(([what, act]) => step(what, display, act)));
    const failures = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    const unexpected = failures.find(error => !(error instanceof SetupError));
    if (unexpected) throw unexpected;
    if (failures.length > 0) throw new SetupError(failures.map(({ message }) => message).join('\n\n'));
  });
};

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await setup();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
