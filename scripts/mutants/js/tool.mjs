/** Stryker's instrumenter, which is installed when it is first used, because nothing else needs its 67 packages. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { npm } from '../../npm.mjs';

const pinned = path.join(import.meta.dirname, '../tool');
const FILES = ['package.json', 'package-lock.json'];

/** Whether a directory contains the pinned version of the tool. npm writes `.package-lock.json` last. */
const isInstalled = dir =>
  existsSync(path.join(dir, 'node_modules', '.package-lock.json')) &&
  FILES.every(file => readFileSync(path.join(dir, file)).equals(readFileSync(path.join(pinned, file))));

/**
 * Installs the tool into a directory if necessary, and loads it.
 *
 * @param {string} dir
 * @returns {Promise<{ Instrumenter: any, babel: any }>}
 */
export const loadTool = async dir => {
  if (!isInstalled(dir)) {
    console.log('installing the instrumenter');
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    for (const file of FILES) cpSync(path.join(pinned, file), path.join(dir, file));
    npm(dir, 'ci', '--ignore-scripts', '--no-audit', '--no-fund');
  }
  const require = createRequire(path.join(dir, 'package.json'));
  const { Instrumenter } = await import(pathToFileURL(require.resolve('@stryker-mutator/instrumenter')).href);
  return { Instrumenter, babel: require('@babel/core') };
};
