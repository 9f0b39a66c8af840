// Kills processes before a chosen system call that changes files. Needs Linux and a C compiler.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { compileLibrary, mayLack } from '../common/requirements.mjs';

const source = fileURLToPath(new URL('./kill-at-call.c', import.meta.url));

/** Compiles the library. Returns its path; `undefined` if that is impossible, which fails in CI. */
export const compileKiller = dir => {
  const file = path.join(dir, 'kill-at-call.so');
  const reason = compileLibrary(source, file);
  if (reason && !mayLack('compiler')) throw Error(`kill-at-call.c could not be compiled: ${reason}`);
  return reason ? undefined : file;
};

/**
 * Makes the environment for a process.
 *
 * @param {string} killer the library's path
 * @param {{ under: string, log?: string, at?: number }} options
 *   `under`: only calls for files below this directory count; `log`: a file for the calls; `at`: the number of the call
 */
export const killerEnv = (killer, { under, log, at }) => ({
  ...process.env,
  LD_PRELOAD: killer,
  KILL_UNDER: under,
  ...(log ? { KILL_LOG: log } : {}),
  ...(at ? { KILL_AT: `${at}` } : {}),
});

/** Reads the log of calls. */
export const callsIn = log => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8').split('\n').slice(0, -1) : []);

/** Whether a call creates, renames or removes a file name. */
export const isNaming = call => /^(rename|link|unlink|mkdir|rmdir|truncate) /.test(call) && !call.endsWith('-shm');
