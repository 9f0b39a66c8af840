// Shrinks the random choices of a program that was not written as a fast-check property. Its generator makes all decisions
// with a function `below(limit)`, so the numbers that this returned determine the input, and fewer and smaller numbers
// make a simpler one.
import fc from 'fast-check';

/** The time for shrinking, in milliseconds. */
const PATIENCE = 60_000;

/** Wraps `below` and records the numbers that it returns. */
export const recordChoices = below => {
  const choices = [];
  const recording = limit => {
    const choice = below(limit);
    choices.push(choice);
    return choice;
  };
  return { choices, below: recording };
};

/** A `below` that returns recorded numbers, and then 0. */
const replay = choices => {
  const rest = choices.values();
  return limit => (rest.next().value ?? 0) % limit || 0;
};

/**
 * Runs `play` with ever fewer and smaller choices, as long as it fails.
 *
 * @param {number[]} choices with which `play` has failed
 * @param {(below: (limit: number) => number) => Promise<unknown>} play
 * @returns {Promise<Error | undefined>} the error of the simplest failure; `undefined` if it did not recur
 */
export const shrinkChoices = async (choices, play) => {
  const lists = fc.array(fc.nat(), { maxLength: choices.length, size: 'max' });
  const details = await fc.check(
    fc.asyncProperty(lists, async list => void (await play(replay(list)))),
    { examples: [[choices]], numRuns: 1, interruptAfterTimeLimit: PATIENCE },
  );
  return details.errorInstance ?? undefined;
};
