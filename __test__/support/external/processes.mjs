// Runs programs. Writes their output to a log file, and shows its end only if they fail: the kernel and npm print a lot.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The end of a file. */
export const lastLines = (file, count) => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');

/** Waits for a child process. Returns its exit code, or the signal that ended it. */
const waitFor = child =>
  new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });

/** Opens a log file. */
const openLog = log => {
  mkdirSync(dirname(log), { recursive: true });
  return openSync(log, 'w');
};

/**
 * @param {string} log a file for the program's output
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, minutes?: number }} [options]
 *   `minutes` is the longest time it may take: a store that leaves a promise pending makes the kernel wait forever
 */
export const run = async (log, command, args, { cwd, env = {}, minutes = 10 } = {}) => {
  const fd = openLog(log);
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', fd, fd],
    timeout: minutes * 60_000,
    killSignal: 'SIGKILL',
  });
  closeSync(fd);
  const ended = await waitFor(child);
  if (ended !== 0) {
    const words = [command, ...args].join(' ');
    const how = ended === 'SIGKILL' ? `was not done after ${minutes} minutes, or was killed` : `ended with ${ended}`;
    throw Error(`"${words}" ${how}. The end of ${log}:\n${lastLines(log, 40)}`);
  }
};

/**
 * Runs a program whose exit code says something. Returns it, and the output; errors go to the log file.
 *
 * @param {string} log
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<{ code: number, stdout: string }>}
 */
export const capture = async (log, command, args) => {
  const fd = openLog(log);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', fd], timeout: 10 * 60_000, killSignal: 'SIGKILL' });
  closeSync(fd);
  const chunks = [];
  child.stdout.on('data', chunk => chunks.push(chunk));
  const code = await waitFor(child);
  if (typeof code !== 'number') throw Error(`"${[command, ...args].join(' ')}" was ended by ${code}`);
  return { code, stdout: Buffer.concat(chunks).toString() };
};

/**
 * Runs jobs in the given order, two at a time: the smallest supported machine has two processors.
 *
 * @template T
 * @param {(() => Promise<T>)[]} jobs
 * @returns {Promise<T[]>} their results, in the same order
 */
export const inPairs = async jobs => {
  const results = [];
  const queue = jobs.entries();
  const work = async () => {
    for (const [index, job] of queue) results[index] = await job();
  };
  await Promise.all([work(), work()]);
  return results;
};
