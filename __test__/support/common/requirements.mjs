// What a test needs that not every machine has. In CI its absence is a failure; elsewhere the test is told to be left out.
import process from 'node:process';

/**
 * Says that a test can't run here, and why.
 *
 * @param {import('ava').ExecutionContext} t
 * @param {string} what  what is missing
 */
export const leaveOut = (t, what) => {
  if (process.env.CI) {
    t.fail(`CI has to run this test, which needs what is missing: ${what}`);
    return;
  }
  t.log(`not run: ${what}`);
  t.pass();
};
