// The frame of a program that installs something, uses it, and checks the results: its directory, output and exit code.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { makeChecks } from './checks.mjs';

/**
 * @param {string} name the name of the working directory if none is given
 * @param {string} [given] a working directory, which is kept; otherwise the directory is kept only after a failure
 */
export const startTrial = (name, given) => {
  const work = given ? resolve(given) : mkdtempSync(join(tmpdir(), `swing-store-${name}-`));
  const checks = makeChecks();
  const started = Date.now();
  const progress = words => {
    const seconds = Math.round((Date.now() - started) / 1000);
    console.log(`[${String(seconds).padStart(4)} s] ${words}`);
  };

  /** Runs the trial. Prints the result on the last line; the exit code is 0 only if all checks passed. */
  const carryOut = async main => {
    try {
      await main();
    } catch (error) {
      checks.fail('a step failed', error.stack);
    }
    progress('done');
    if (checks.hasFailed() || given) {
      console.log(`What was installed and made is in ${work}.`);
    } else {
      rmSync(work, { recursive: true });
    }
    console.log(checks.summary());
    process.exitCode = checks.hasFailed() ? 1 : 0;
  };

  return { work, checks, progress, carryOut };
};
