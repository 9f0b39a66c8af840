'use strict';

/** The length of what is `null`. */
const NULL = 0xffffffff;

/**
 * Cuts pairs of strings, of which the second may be `null`, out of what the addon packs many
 * strings into: all of them in one, and their lengths. Returns a function that returns the next
 * pair, and `undefined` behind the last.
 *
 * Pairs are cut when they are wanted: objects that live from one step of a consumer to the next
 * cost the garbage collector far more than those that don't.
 *
 * @param {[string, Uint32Array]} packed
 * @returns {() => [string, string | null] | undefined}
 */
const pairCutter = ([text, lengths]) => {
  let next = 0;
  let at = 0;
  return () => {
    if (next === lengths.length) return undefined;
    const keyEnd = at + lengths[next];
    const valueLength = lengths[next + 1];
    const key = text.slice(at, keyEnd);
    next += 2;
    if (valueLength === NULL) {
      at = keyEnd;
      return [key, null];
    }
    at = keyEnd + valueLength;
    return [key, text.slice(keyEnd, at)];
  };
};

/**
 * All pairs of what the addon packs many strings into.
 *
 * @param {[string, Uint32Array]} packed
 */
const unpackPairs = packed => {
  const cut = pairCutter(packed);
  const pairs = [];
  for (let pair = cut(); pair !== undefined; pair = cut()) pairs.push(pair);
  return pairs;
};

module.exports = { pairCutter, unpackPairs };
