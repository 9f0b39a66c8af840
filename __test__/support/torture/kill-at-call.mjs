// Processes that are killed before a certain one of their calls that change files. On Linux, where there is a compiler.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { compileLibrary, mayLack } from '../common/requirements.mjs';

const source = fileURLToPath(new URL('./kill-at-call.c', import.meta.url));

/** Compiles it in a directory and returns the file; `undefined` where that is not possible, which in CI is a failure. */
export const compileKiller = dir => {
  const file = path.join(dir, 'kill-at-call.so');
  const reason = compileLibrary(source, file);
  if (reason && !mayLack('compiler')) throw Error(`kill-at-call.c could not be compiled: ${reason}`);
  return reason ? undefined : file;
};

/**
 * What a process needs in its environment.
 *
 * @param {string} killer  the file
 * @param {{ under: string, log?: string, at?: number }} options
 *   `under`: the directory of the files whose changes count; `log`: a file for the calls; `at`: the number of the call
 */
export const killerEnv = (killer, { under, log, at }) => ({
  ...process.env,
  LD_PRELOAD: killer,
  KILL_UNDER: under,
  ...(log ? { KILL_LOG: log } : {}),
  ...(at ? { KILL_AT: `${at}` } : {}),
});

/** The calls that were noted. */
export const callsIn = log => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8').split('\n').slice(0, -1) : []);

/** Whether a call is one that gives names to files, or takes them away: those between which a process must not stop. */
export const isNaming = call => /^(rename|link|unlink|mkdir|rmdir|truncate) /.test(call) && !call.endsWith('-shm');
