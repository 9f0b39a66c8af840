// Runs a property. A failure prints the first difference, the shrunk example, and how to repeat it.
import fc from 'fast-check';
import { inspect } from 'node:util';
import { path, runsFor, seed } from './settings.mjs';

const explain = details => {
  const { counterexamplePath, numRuns, numShrinks, errorInstance } = details;
  const example = inspect(details.counterexample, {
    depth: 12,
    breakLength: 110,
    maxArrayLength: 400,
    maxStringLength: 300,
  });
  const reason =
    errorInstance && typeof errorInstance === 'object'
      ? `${errorInstance.message}\n${errorInstance.stack || ''}`
      : String(errorInstance);
  return [
    `failed at run ${numRuns}, shrunk ${numShrinks} times`,
    `again: SWING_STORE_TEST_SEED=${details.seed} SWING_STORE_TEST_PATH=${counterexamplePath}`,
    reason,
    `example: ${example}`,
  ].join('\n');
};

/**
 * @param {import('ava').ExecutionContext} t
 * @param {fc.Arbitrary<any>} arbitrary
 * @param {(example: any) => Promise<void>} check
 * @param {{ runs: number, patience?: number }} options `patience` is the longest time for shrinking, in seconds
 */
export const checkProperty = async (t, arbitrary, check, options) => {
  const { runs, patience = 400 } = options;
  t.timeout((patience + 60) * 1000);
  const details = await fc.check(fc.asyncProperty(arbitrary, check), {
    seed,
    path,
    numRuns: runsFor(runs),
    interruptAfterTimeLimit: patience * 1000,
    markInterruptAsFailure: true,
  });
  if (details.failed) {
    const text = details.counterexample
      ? explain(details)
      : `stopped after ${patience} s and ${details.numRuns} runs (seed ${details.seed})`;
    t.log(text);
    t.fail(text.slice(0, 4000));
    return;
  }
  t.log(`${details.numRuns} runs, seed ${details.seed}`);
  t.pass();
};
