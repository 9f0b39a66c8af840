/** Downloads a package from npm without installing it: no dependencies, no scripts, no change of a `package.json`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

import { npm } from './npm.mjs';

const unpack = (file, cwd) => {
  const { status, error, stderr } = spawnSync('tar', ['xzf', file], { cwd, encoding: 'utf8' });
  if (error || status !== 0) throw new Error(`tar failed: ${error?.message ?? stderr}`);
};

/**
 * Puts a package into a `node_modules`, replacing an existing one.
 *
 * @param {string} name
 * @param {string} version
 * @param {string} modules
 */
export const fetchPackage = (name, version, modules) => {
  const scratch = path.join(modules, '.fetched');
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  try {
    npm(scratch, 'pack', '--loglevel=error', `${name}@${version}`);
    unpack(`${name}-${version}.tgz`, scratch);
    rmSync(path.join(modules, name), { recursive: true, force: true });
    renameSync(path.join(scratch, 'package'), path.join(modules, name));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};
