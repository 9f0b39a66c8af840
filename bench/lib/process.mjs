/** Runs jobs in child processes. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../child.mjs', import.meta.url));
const running = new Set();

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Linux counts the size of the parent process towards a child's peak memory, so this process stays small: it never loads an
 * implementation.
 *
 * @param {object} job see `child.mjs`
 * @returns {Promise<object>}
 */
export const runChild = job =>
  new Promise((resolve, reject) => {
    const what = `${job.role} of ${job.phase} by ${job.implementation}`;
    const child = fork(program, { execArgv: ['--expose-gc'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    running.add(child);
    let answer;
    child.once('message', message => {
      answer = message;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running.delete(child);
      if (answer?.result) resolve(answer.result);
      else reject(Error(`${what}: ${answer?.error ?? `process ended with ${signal ?? code}`}`));
    });
    child.send(job);
  });
