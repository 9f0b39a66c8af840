/** Gets a package from npm without installing it: no dependencies, no scripts, no change to any `package.json`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

const run = (program, args, cwd) => {
  const shell = program === 'npm' && process.platform === 'win32';
  const { status, error, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', shell });
  if (!error && status === 0) return;
  throw new Error(`"${program} ${args.join(' ')}" failed: ${error?.message ?? stderr.trim()}`);
};

/**
 * Puts a package into a `node_modules`, in the place of the one that is there.
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
    run('npm', ['pack', '--silent', `${name}@${version}`], scratch);
    run('tar', ['xzf', `${name}-${version}.tgz`], scratch);
    rmSync(path.join(modules, name), { recursive: true, force: true });
    renameSync(path.join(scratch, 'package'), path.join(modules, name));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};
