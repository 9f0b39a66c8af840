// A program that installs something, does things with it, and checks what comes of that: where it works, what it says
// meanwhile, and how it ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { makeChecks } from './checks.mjs';

/**
 * @param {string} name  what the directory to work in is called by, if none is given
 * @param {string} [given]  the directory to work in, which is kept; another one is, if something did not hold
 */
export const startTrial = (name, given) => {
  const work = given ? resolve(given) : mkdtempSync(join(tmpdir(), `swing-store-${name}-`));
  const checks = makeChecks();
  const started = Date.now();
  const progress = words => {
    const seconds = Math.round((Date.now() - started) / 1000);
    console.log(`[${String(seconds).padStart(4)} s] ${words}`);
  };

  /** Runs it to its end. The last line that is printed is the tally; the exit code is 0 only if everything held. */
  const carryOut = async main => {
    try {
      await main();
    } catch (error) {
      checks.fail('a step could not be taken', error.stack);
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
