// Installs the kernel and its programs in a tree.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { betterSqlite3For } from '../../../../scripts/better-sqlite3.mjs';
import { run } from '../../../support/external/processes.mjs';
import { SWING_STORE, pack, readJSON } from '../../../support/external/trees.mjs';

const kernelTests = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Installs the kernel with our package in place of every swing-store, as a user of the kernel would: with npm's
 * `overrides`.
 *
 * @param {string} dir
 * @param {string} packageDir the swing-store
 * @param {string} log
 */
export const installTree = async (dir, packageDir, log) => {
  mkdirSync(dir, { recursive: true });
  const store = `file:./${await pack(packageDir, dir, log)}`;
  const pins = readJSON(join(kernelTests, 'package.json'));
  const manifest = JSON.stringify(
    {
      ...pins,
      dependencies: { ...pins.dependencies, [SWING_STORE]: store },
      overrides: { ...pins.overrides, 'better-sqlite3': betterSqlite3For(), [SWING_STORE]: store },
    },
    null,
    2,
  );
  const manifestFile = join(dir, 'package.json');
  const done = join(dir, 'installed.json');
  if (!existsSync(done) || readFileSync(done, 'utf8') !== manifest) {
    rmSync(done, { force: true });
    writeFileSync(manifestFile, manifest);
    const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--foreground-scripts'];
    // The kernel's workers are compiled from C, by default one file after the other.
    const env = { MAKEFLAGS: `-j${availableParallelism()}` };
    await run(log, 'npm', args, { cwd: dir, env, minutes: 20 });
    writeFileSync(done, manifest);
  }
  addProgram(dir);
};

/** Copies the programs into the tree, so that Node.js finds the tree's packages. */
export const addProgram = dir => {
  rmSync(join(dir, 'program'), { recursive: true, force: true });
  cpSync(join(kernelTests, 'program'), join(dir, 'program'), {
    recursive: true,
  });
};

/** Copies the example `replay` out of the installed package, which the tree has under another name. */
export const addReplay = dir => {
  const installed = join(dir, 'node_modules', SWING_STORE);
  const { name } = readJSON(join(installed, 'package.json'));
  const link = join(dir, 'node_modules', name);
  rmSync(link, { force: true });
  symlinkSync(installed, link, 'dir');
  rmSync(join(dir, 'replay'), { recursive: true, force: true });
  cpSync(join(installed, 'examples', 'replay'), join(dir, 'replay'), { recursive: true });
};
