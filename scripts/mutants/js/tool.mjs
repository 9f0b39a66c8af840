/** Stryker's instrumenter, installed the first time that it is used: nothing else needs its 67 packages. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { npm } from '../../npm.mjs';

const pinned = path.join(import.meta.dirname, '../tool');
const FILES = ['package.json', 'package-lock.json'];

/** Whether the tool in a directory is the one that is pinned. npm writes the last of these files at the end. */
const isInstalled = dir =>
  existsSync(path.join(dir, 'node_modules', '.package-lock.json')) &&
  FILES.every(file => readFileSync(path.join(dir, file)).equals(readFileSync(path.join(pinned, file))));

/**
 * Installs the tool into a directory unless it is there, and loads it.
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
