// Kills processes at random times.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

/**
 * Kills a process some milliseconds after it has begun its work. Returns its running time and the signal that ended it.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {() => boolean} hasBegun
 * @param {number} delay
 */
export const killLater = async (child, hasBegun, delay) => {
  const closed = once(child, 'close');
  while (!hasBegun() && child.exitCode === null) await setTimeout(1);
  const begun = performance.now();
  // This timer must not delay the end of a process that ends by itself.
  await Promise.race([setTimeout(delay, undefined, { ref: false }), closed]);
  child.kill('SIGKILL');
  const [, signal] = await closed;
  return { time: performance.now() - begun, signal };
};

/**
 * Starts a program that waits for `go` before its work: starting Node.js takes longer than most of the work.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string | undefined>} [env]
 */
export const startWaiting = (program, args, env = process.env) => {
  const child = fork(program, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], env });
  const lines = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    const parts = (rest + text).split('\n');
    rest = parts.pop();
    lines.push(...parts);
  });
  return {
    /** Sends `go`, kills the program some milliseconds after its first line, and returns its lines and its exit status. */
    async goAndKill(delay = 120_000) {
      child.send('go');
      const { time, signal } = await killLater(child, () => lines.length > 0 || child.signalCode !== null, delay);
      return { lines, time, signal, code: child.exitCode };
    },
    /** Ends the program if `go` was never sent. */
    stop: () => child.kill('SIGKILL'),
  };
};

/** Waits for `go`. */
export const waitForGo = async () => {
  await once(process, 'message');
  process.disconnect();
};

/** Runs a program, kills it after some milliseconds, and returns its messages. */
const runAndKill = async (program, args, delay) => {
  const child = fork(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const said = [];
  child.on('message', message => said.push(message));
  const { time } = await killLater(child, () => said.length > 0, delay);
  return { said, time };
};

/**
 * Makes a function that kills a program repeatedly, at times from its beginning to its end, and calls `look` after each
 * run. The program prints a line at its beginning and `done` at its end. The first run is not killed.
 *
 * @param {string} program
 * @param {number} rounds
 */
export const makeKiller = (program, rounds) => async (args, look) => {
  const { said, time } = await runAndKill(program, args, 60_000);
  if (!said.includes('done')) throw Error(`it did not end by itself: ${said}`);
  await look(said);
  for (let round = 0; round < rounds; round += 1) {
    // Up to slightly after the end.
    const { said: before } = await runAndKill(program, args, ((round + Math.random()) / rounds) * time * 1.1);
    await look(before);
  }
};
