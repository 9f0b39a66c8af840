// Runs a situation in a separate process, so that a crash fails only that process, and returns the outcomes.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inTempDir } from '../world.mjs';

const program = fileURLToPath(new URL('programs/situation.mjs', import.meta.url));

/** The time after which a situation counts as endless, in milliseconds. */
const PATIENCE = 120_000;

/**
 * @param {'ours' | 'reference'} name
 * @param {string} situation
 * @returns {Promise<[what: string, outcome: string][]>}
 * @throws (rejects) if the process ends with a signal, an exit code other than 0, or output on stderr
 */
export const runSituation = (name, situation) =>
  inTempDir(async base => {
    const child = fork(program, [name, situation, base], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      timeout: PATIENCE,
    });
    let seen;
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', text => (complaints += text));
    child.on('message', message => (seen = message));
    const [code, signal] = await once(child, 'close');
    if (code !== 0 || complaints !== '' || seen === undefined) {
      throw Error(
        `${name}, ${situation}: ended with ${signal ?? code}, after ${seen?.length ?? 0} outcomes: ${complaints}`,
      );
    }
    return seen;
  });

const never = [
  [/^DOES NOT ANSWER/, 'does not answer'],
  [/^DAMAGED/, 'has damaged the store'],
  [/a fault in swing-store-native/, 'has met a fault'],
];

/** Outcomes that no call may have. */
export const faultsIn = seen =>
  seen.flatMap(([what, outcome]) => {
    const faults = never.filter(([pattern]) => pattern.test(outcome)).map(([, words]) => words);
    if (/^(unhandled rejection|uncaught exception)$/.test(what)) faults.push(what);
    if (/(^| )afterwards/.test(what) && !outcome.startsWith('returns'))
      faults.push('leaves a store that cannot continue');
    return faults.map(words => `${what} ${words}: ${outcome}`);
  });
