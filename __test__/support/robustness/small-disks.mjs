// Disks that tests may fill, or not write to: small ones in memory, in a mount namespace of their own, which ends with
// the process that lives in it.
import { spawn, spawnSync } from 'node:child_process';
import { outcomeOf } from '../common/run-program.mjs';

// In the namespace the directory is a tmpfs of so many bytes; what follows is the command.
const small = 'mount -t tmpfs -o size=$1 none "$2" && shift 2 && exec "$@"';

// In the namespace nothing can be written to the directory, with all that is in it.
const readOnly = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"';

const inNamespace = (script, ...args) => [
  'unshare',
  ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...args],
];

/** Why there can be no such disk here; undefined if there can be. */
export const whyNoDisk = dir => {
  const { error, status, stderr } = spawnSync(...inNamespace(small, '64k', dir, 'true'), { encoding: 'utf8' });
  if (error) return `unshare can't be run: ${error.message}`;
  return status === 0 ? undefined : `no file system can be mounted here: ${stderr.trim()}`;
};

/** Runs a command, and returns how it ended and what it said. */
export const run = (command, args, options = {}) =>
  outcomeOf(spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options }));

/** Runs a command with a disk of `size` bytes at `dir`, which only it sees. */
export const runOnSmallDisk = (size, dir, command) => run(...inNamespace(small, `${size}`, dir, ...command));

/** Runs a command to which the disk of the directory `dir` is read-only. */
export const runOnReadOnlyDisk = (dir, command) => run(...inNamespace(readOnly, dir, ...command));
