/** Runs npm and returns its output. */
import { spawnSync } from 'node:child_process';

/**
 * @param {string} cwd
 * @param {...string} args
 * @returns {string} its standard output
 * @throws {Error} with npm's messages if it fails
 */
export const npm = (cwd, ...args) => {
  const windows = process.platform === 'win32';
  // On Windows npm is a batch file, which needs a shell, which splits paths at spaces.
  const quoted = windows ? args.map(arg => (arg.includes(' ') ? `"${arg}"` : arg)) : args;
  const { status, stdout, stderr, error } = spawnSync('npm', quoted, { cwd, encoding: 'utf8', shell: windows });
  if (error || status !== 0) throw new Error(`"npm ${args.join(' ')}" failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
};
