// Installs cosmic-swingset's programs twice: with our swing-store, and with the
// reference.
//
// All dependencies of cosmic-swingset take a few hundred megabytes. The programs
// need only a tenth of them, which `package.json` next to this directory lists.
// So cosmic-swingset itself is installed without its dependencies.

import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { run } from '../../../support/external/processes.mjs';
import { referenceDir } from '../../../support/external/subjects.mjs';
import { SWING_STORE, deriveTree, pack, unpack } from '../../../support/external/trees.mjs';

const here = dirname(dirname(fileURLToPath(import.meta.url)));

/** The packages that npm installs, and the hash of the published package. */
const COSMIC_SWINGSET = {
  name: '@agoric/cosmic-swingset',
  version: '0.42.0',
  sha512:
    '63a31faad4b2b36c2d6853f7e6ae639e55c6700d7cbd2593fc764f1dca71d43fde8bbe0824049e18ff990aa3fb59c2e97d912bc5ce43e5c66f964663df0df56b',
};

const fetchCosmicSwingset = async (dir, log) => {
  const { name, version, sha512 } = COSMIC_SWINGSET;
  const place = join(dir, 'cosmic-swingset');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  await run(log, 'npm', ['pack', `${name}@${version}`, '--pack-destination', place], { cwd: place });
  const tarball = join(place, readdirSync(place)[0]);
  const found = createHash('sha512').update(readFileSync(tarball)).digest('hex');
  if (found !== sha512) throw Error(`${name} ${version} has changed: its SHA-512 is ${found}.`);
  await unpack(tarball, join(dir, 'node_modules', name), log);
};

/** Links the reference's compiled addon from the project. */
const copyCompiled = dir => {
  const build = join('better-sqlite3', 'build', 'Release', 'better_sqlite3.node');
  cpSync(join(dirname(dirname(referenceDir)), build), join(dir, 'node_modules', build));
};

/**
 * Installs the programs with a swing-store of ours, as
 * `npm install @agoric/swing-store@npm:swing-store-native` would.
 *
 * @param {string} dir
 * @param {string} packageDir the swing-store
 * @param {string} log
 */
const installTree = async (dir, packageDir, log) => {
  mkdirSync(dir, { recursive: true });
  const lock = readFileSync(join(here, 'package-lock.json'), 'utf8');
  const done = join(dir, 'installed.json');
  if (!existsSync(done) || readFileSync(done, 'utf8') !== lock) {
    rmSync(done, { force: true });
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(here, file), join(dir, file));
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
    await run(log, 'npm', args, { cwd: dir, minutes: 10 });
    await fetchCosmicSwingset(dir, log);
    copyCompiled(dir);
    writeFileSync(done, lock);
  }
  for (const file of readdirSync(dir).filter(name => name.endsWith('.tgz'))) rmSync(join(dir, file));
  const tarball = join(dir, await pack(packageDir, dir, log));
  await unpack(tarball, join(dir, 'node_modules', SWING_STORE), log);
};

/** Copies this test's programs into the tree, so that Node.js finds the tree's packages. */
const addProgram = dir => {
  rmSync(join(dir, 'program'), { recursive: true, force: true });
  cpSync(join(here, 'program'), join(dir, 'program'), { recursive: true });
};

/**
 * @param {{ ours: string, reference: string }} trees where
 * @param {string} packageDir the package to test
 * @param {string} log
 */
export const installTrees = async (trees, packageDir, log) => {
  await installTree(trees.ours, packageDir, log);
  deriveTree(trees.ours, trees.reference, referenceDir);
  for (const dir of Object.values(trees)) addProgram(dir);
};
