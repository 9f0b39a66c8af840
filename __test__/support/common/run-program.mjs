// Runs programs to their end.

import { text } from 'node:stream/consumers';

/**
 * Waits for the end of a process, and returns its exit status and output.
 *
 * @param {import('node:child_process').ChildProcess} child with pipes for its output
 * @returns {Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string }>}
 */
export const outcomeOf = async child => {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (...outcome) => resolve(outcome));
    }),
  ]);
  return { code, signal, stdout, stderr };
};
