'use strict';

/** The length of what is `null`. */
const NULL = 0xffffffff;

/**
 * Pairs of strings, of which the second may be `null`, out of what the addon packs many strings
 * into: all of them in one, and their lengths.
 *
 * @param {[string, Uint32Array]} packed
 * @returns {[string, string | null][]}
 */
const unpackPairs = ([text, lengths]) => {
  const pairs = [];
  let at = 0;
  for (let i = 0; i < lengths.length; i += 2) {
    const keyEnd = at + lengths[i];
    const key = text.slice(at, keyEnd);
    if (lengths[i + 1] === NULL) {
      pairs.push([key, null]);
      at = keyEnd;
    } else {
      const valueEnd = keyEnd + lengths[i + 1];
      pairs.push([key, text.slice(keyEnd, valueEnd)]);
      at = valueEnd;
    }
  }
  return pairs;
};

/**
 * A vat's items, out of runs of items that follow one another, each with the incarnation and the
 * first one's position.
 *
 * @param {[number, number, [string, Uint32Array]][]} runs
 */
const unpackRuns = runs => {
  const items = [];
  for (let i = 0; i < runs.length; i += 1) {
    const run = runs[i];
    const [incarnation, first] = [run[0], run[1]];
    const [text, lengths] = [run[2][0], run[2][1]];
    let at = 0;
    for (let j = 0; j < lengths.length; j += 1) {
      const end = at + lengths[j];
      items.push(Object.freeze({ position: first + j, incarnation, item: text.slice(at, end) }));
      at = end;
    }
  }
  return items;
};

module.exports = { unpackPairs, unpackRuns };
