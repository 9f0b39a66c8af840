// Provides disks that tests may fill, or that are read-only: file systems in memory, in a mount namespace that ends with
// its process.
import { spawn, spawnSync } from 'node:child_process';
import { outcomeOf } from '../common/run-program.mjs';

// In the namespace, mounts a tmpfs of a given size at the directory, and runs the remaining arguments as a command.
const small = 'mount -t tmpfs -o size=$1 none "$2" && shift 2 && exec "$@"';

// In the namespace nothing can be written to the directory, with all that is in it.
const readOnly = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"';

const inNamespace = (script, ...args) => [
  'unshare',
  ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...args],
];

/** The reason why such disks are unavailable; undefined if they are available. */
export const whyNoDisk = dir => {
  const { error, status, stderr } = spawnSync(...inNamespace(small, '64k', dir, 'true'), { encoding: 'utf8' });
  if (error) return `unshare can't be run: ${error.message}`;
  return status === 0 ? undefined : `no file system can be mounted here: ${stderr.trim()}`;
};

/** Runs a command. Returns its exit status and output. */
export const run = (command, args, options = {}) =>
  outcomeOf(spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options }));

/** Runs a command with a disk of `size` bytes at `dir`, visible only to the command. */
export const runOnSmallDisk = (size, dir, command) => run(...inNamespace(small, `${size}`, dir, ...command));

/** Runs a command for which the disk of `dir` is read-only. */
export const runOnReadOnlyDisk = (dir, command) => run(...inNamespace(readOnly, dir, ...command));
