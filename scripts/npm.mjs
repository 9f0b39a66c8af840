/** Runs npm for what it prints. */
import { spawnSync } from 'node:child_process';

/**
 * @param {string} cwd
 * @param {...string} args
 * @returns {string} its standard output
 * @throws {Error} with what it said, if it fails
 */
export const npm = (cwd, ...args) => {
  const windows = process.platform === 'win32';
  // There npm is a batch file, for which it takes a shell, which takes paths apart at spaces.
  const quoted = windows ? args.map(arg => (arg.includes(' ') ? `"${arg}"` : arg)) : args;
  const { status, stdout, stderr, error } = spawnSync('npm', quoted, { cwd, encoding: 'utf8', shell: windows });
  if (error || status !== 0) throw new Error(`"npm ${args.join(' ')}" failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
};
