'use strict';

const { ownCopy } = require('./util.js');

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
    const key = ownCopy(text, at, keyEnd);
    next += 2;
    if (valueLength === NULL) {
      at = keyEnd;
      return [key, null];
    }
    at = keyEnd + valueLength;
    return [key, ownCopy(text, keyEnd, at)];
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

/**
 * Cuts a vat's items out of runs of items that follow one another, each with the incarnation and
 * the first one's position. Returns a function that returns the next item, and `undefined` behind
 * the last.
 *
 * @param {[number, number, [string, Uint32Array]][]} runs
 */
const itemCutter = runs => {
  let run = 0;
  let next = 0;
  let at = 0;
  return () => {
    while (run < runs.length && next === runs[run][2][1].length) {
      run += 1;
      next = 0;
      at = 0;
    }
    if (run === runs.length) return undefined;
    // Not by the array's iterator, which is slow where lockdown has replaced its parts.
    const packed = runs[run][2];
    const end = at + packed[1][next];
    const item = ownCopy(packed[0], at, end);
    const position = runs[run][1] + next;
    next += 1;
    at = end;
    return Object.freeze({ position, incarnation: runs[run][0], item });
  };
};

/** Packs pairs of strings for the addon, as the addon does for us: `null` stands for no second one. */
const makePacker = () => {
  let texts = [];
  let lengths = [];
  let size = 0;
  return {
    /** Adds a pair, and returns how many characters there are by now, roughly. */
    add(key, value) {
      texts.push(key);
      lengths.push(key.length);
      if (value === null) {
        lengths.push(NULL);
      } else {
        texts.push(value);
        lengths.push(value.length);
      }
      // A pair without a character takes room, too.
      size += key.length + (value === null ? 0 : value.length) + 1;
      return size;
    },
    /** Takes out what was added: one string, and the lengths as bytes. */
    take() {
      const packed = [texts.join(''), new Uint8Array(Uint32Array.from(lengths).buffer)];
      texts = [];
      lengths = [];
      size = 0;
      return packed;
    },
  };
};

module.exports = { itemCutter, makePacker, pairCutter, unpackPairs };
