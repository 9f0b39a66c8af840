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

module.exports = { unpackPairs };
