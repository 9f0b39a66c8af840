// Processes that are killed at moments that chance picks.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

/**
 * Kills a process so many milliseconds after it has begun, and returns how long it ran then, and the signal that ended it.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {() => boolean} hasBegun
 * @param {number} delay
 */
export const killLater = async (child, hasBegun, delay) => {
  const closed = once(child, 'close');
  while (!hasBegun() && child.exitCode === null) await setTimeout(1);
  const begun = performance.now();
  // Whoever waits for a process that ends by itself must not wait for this, too.
  await Promise.race([setTimeout(delay, undefined, { ref: false }), closed]);
  child.kill('SIGKILL');
  const [, signal] = await closed;
  return { time: performance.now() - begun, signal };
};

/**
 * Starts a program that waits for `go` before it begins with its work. Starting node takes longer than most of the work.
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
    /** Lets it go, kills it so many milliseconds after its first line, and returns its lines, and how it ended. */
    async goAndKill(delay = 120_000) {
      child.send('go');
      const { time, signal } = await killLater(child, () => lines.length > 0 || child.signalCode !== null, delay);
      return { lines, time, signal, code: child.exitCode };
    },
    /** Ends it, if it was never let go. */
    stop: () => child.kill('SIGKILL'),
  };
};

/** Waits for `go`. */
export const waitForGo = async () => {
  await once(process, 'message');
  process.disconnect();
};

/** Runs a program, kills it after so many milliseconds, and returns what it had said. */
const runAndKill = async (program, args, delay) => {
  const child = fork(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const said = [];
  child.on('message', message => said.push(message));
  const { time } = await killLater(child, () => said.length > 0, delay);
  return { said, time };
};

/**
 * Makes a function that kills a program, which says something when it begins and `done` at its end, at moments from its
 * beginning to its end, and calls `look` after each time. The first time it is left alone.
 *
 * @param {string} program
 * @param {number} rounds
 */
export const makeKiller = (program, rounds) => async (args, look) => {
  const { said, time } = await runAndKill(program, args, 60_000);
  if (!said.includes('done')) throw Error(`it did not end by itself: ${said}`);
  await look(said);
  for (let round = 0; round < rounds; round += 1) {
    // Somewhat behind the end, too.
    const { said: before } = await runAndKill(program, args, ((round + Math.random()) / rounds) * time * 1.1);
    await look(before);
  }
};
