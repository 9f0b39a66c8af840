/**
 * Gets a fresh clone ready: installs the npm dependencies and builds the addon, each only if that is missing or older
 * than what it is made from. With nothing to do it takes a few milliseconds, so scripts call it without asking.
 *
 * It uses nothing but Node.js itself, since there may be nothing else yet.
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
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { buildAdvice } from './advice.mjs';
import { fetchPackage } from './fetch-package.mjs';
import { addonSources } from './sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...parts) => path.join(root, ...parts);

/** What went wrong, said for whoever runs the script: printed without a stack. */
export class SetupError extends Error {}

// --- What is out of date ---------------------------------------------------------------------------------------------

/** When a file was last changed, or `undefined` if it is not there. */
const changed = file => statSync(file, { throwIfNoEntry: false })?.mtimeMs;

/** When the newest of some files and directories was changed, looking inside the directories. */
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

/** Is `made` missing, or older than any of its sources by more than some milliseconds? */
const isStale = (made, sources, slack = 0) => {
  const time = changed(made);
  return time === undefined || time + slack < newest(sources);
};

// npm writes this file last, so it tells a whole installation from one that was cut short; but `npm install` may write
// the lock file right after it.
const installed = at('node_modules', '.package-lock.json');

// What is compiled during the installation fits one version of Node.js.
const installedFor = at('node_modules', '.node-abi');
const isForAnother = () => existsSync(installedFor) && readFileSync(installedFor, 'utf8') !== process.versions.modules;

const needsInstall = () => isStale(installed, [at('package-lock.json')], 2000) || isForAnother();

/** The addon for this platform, which the build puts into its name. */
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

// --- Doing something about it ----------------------------------------------------------------------------------------

/** Is there such a program, and does it run? */
const runs = program => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 9)) return;
  throw new SetupError(`Node.js 20.9 or newer is needed; this is ${process.versions.node}.`);
};

const checkCargo = () => {
  if (runs('cargo')) return;
  throw new SetupError(
    'The addon is written in Rust, and "cargo" was not found or does not run. Install Rust (https://rustup.rs), ' +
      'open a new terminal so that it is on the PATH, and try again.',
  );
};

/** Why an installation may have failed, judging by what it printed. */
const installAdvice = output => {
  if (/gyp ERR!|node-gyp|prebuild-install/.test(output)) {
    return (
      'A development dependency (better-sqlite3, which the tests compare with) found no prebuilt file for this ' +
      'platform and could not be compiled. That needs Python 3, make and a C++ compiler: ' +
      'on Debian or Ubuntu "python3 make g++", on macOS "xcode-select --install".'
    );
  }
  if (/ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ECONNREFUSED|ECONNRESET/.test(output)) {
    return 'The package registry could not be reached.';
  }
  if (/EUSAGE|in sync/.test(output)) return 'package.json and package-lock.json do not agree; run "npm install".';
  return undefined;
};

/** Runs npm; shows its output only if it fails, since a build that works says nothing of interest. */
const npm = (args, advise) =>
  new Promise((resolve, reject) => {
    // npm hands its own path to the scripts that it runs; outside of those it is looked up.
    const script = process.env.npm_execpath;
    const [program, first] = script?.endsWith('.js') ? [process.execPath, [script]] : ['npm', []];
    const child = spawn(program, [...first, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      // On Windows `npm` is a batch file, which only a shell can run.
      shell: program === 'npm' && process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', text => (output += text));
    }
    child.on('error', error => reject(new SetupError(`"npm" could not be run: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      const end = output.trim().split('\n').slice(-40).join('\n');
      const why = advise(output);
      const what = `"npm ${args.join(' ')}" failed (${signal ?? `exit code ${code}`}).`;
      return reject(new SetupError([end, '', what, ...(why ? [why] : [])].join('\n')));
    });
  });

const seconds = since => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** The better-sqlite3 for Node.js 24 and later, for which the one of `package-lock.json` can't be compiled. */
const NEWER_SQLITE = '12.11.1';

/** Installs the development dependencies. */
const install = async () => {
  // With NODE_ENV=production npm would leave out what the build needs.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  if (Number.parseInt(process.versions.node, 10) < 24) {
    await npm(args, installAdvice);
  } else {
    await npm([...args, '--ignore-scripts'], installAdvice);
    try {
      fetchPackage('better-sqlite3', NEWER_SQLITE, at('node_modules'));
    } catch (error) {
      throw new SetupError(error.message);
    }
    await npm(['rebuild', 'better-sqlite3'], installAdvice);
  }
  writeFileSync(installedFor, process.versions.modules);
};

/** Builds the addon. */
const build = async () => {
  checkCargo();
  await npm(['run', 'build'], buildAdvice);
  const file = addon();
  if (!file) throw new SetupError('The build went through, but left no addon for this platform.');
  // If cargo found that nothing had to be compiled after all, the file may have kept its time.
  utimesSync(file, new Date(), new Date());
};

/** Does one thing, and says in one line what it was and how long it took. */
const step = async (what, quiet, act) => {
  const start = performance.now();
  try {
    await act();
  } catch (error) {
    if (!quiet) console.log(`${what}: failed`);
    throw error;
  }
  if (!quiet) console.log(`${what}: ${seconds(start)}`);
};

// --- One at a time ---------------------------------------------------------------------------------------------------

const lockFile = at('.cache', 'setup.lock');

/** Is the process that wrote the lock still there? */
const isHeld = () => {
  let pid;
  try {
    pid = Number(readFileSync(lockFile, 'utf8'));
  } catch {
    return false;
  }
  // Between the making of the file and the writing of the number, give it the benefit of the doubt for a second.
  if (!pid) return Date.now() - (changed(lockFile) ?? 0) < 1000;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** Runs `act` while no other run of this script does; waits its turn. */
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
 * Installs and builds what needs it.
 *
 * @param {{ quiet?: boolean }} [options]  `quiet`: print nothing unless it fails
 * @throws {SetupError} with a message for people
 */
export const setup = async ({ quiet = false } = {}) => {
  checkNode();
  if (!needsInstall() && !needsBuild()) return;
  await alone(quiet, async () => {
    // Asked again, for the run that this one may have waited for has perhaps done it all.
    const works = [];
    if (needsInstall()) works.push(['installing npm dependencies (npm ci)', install]);
    if (needsBuild()) works.push(['building the addon (npm run build; some minutes the first time)', build]);
    if (!quiet) for (const [what] of works) console.log(`${what} ...`);
    // Concurrently: neither needs the other, and each uses one core for most of its time.
    const outcomes = await Promise.allSettled(works.map(([what, act]) => step(what, quiet, act)));
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
