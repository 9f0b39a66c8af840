// Installs the kernel in a tree, and its programs.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { run } from '../../../support/external/processes.mjs';
import { SWING_STORE, pack, readJSON } from '../../../support/external/trees.mjs';

const kernelTests = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Install the kernel so that everything beneath it that asks for the
 * swing-store gets a package of ours, as a user of the kernel would: by npm's
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
      overrides: { ...pins.overrides, [SWING_STORE]: store },
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
    // The kernel's workers are compiled from C, one file after the other
    // unless make is told otherwise.
    const env = { MAKEFLAGS: `-j${availableParallelism()}` };
    await run(log, 'npm', args, { cwd: dir, env, minutes: 20 });
    writeFileSync(done, manifest);
  }
  addProgram(dir);
};

/** The programs must lie in the tree: Node looks for packages from there. */
export const addProgram = dir => {
  rmSync(join(dir, 'program'), { recursive: true, force: true });
  cpSync(join(kernelTests, 'program'), join(dir, 'program'), {
    recursive: true,
  });
};
