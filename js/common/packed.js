'use strict';

const { ownCopy } = require('./own-copy.js');

/** The length of what is `null`. */
const NULL = 0xffffffff;

/** The length of what comes by itself. */
const ALONE = 0xfffffffe;

/**
 * What the addon packs many strings into: the short ones in one, the lengths of all, and the long ones.
 *
 * @typedef {[text: string, lengths: Uint32Array, alone: string[]]} Packed
 */

/**
 * Cuts strings, any of which may be `null`, out of what the addon packs them into. Returns a function that returns the
 * next one; it must not be called after the last.
 *
 * @param {Packed} packed
 * @returns {() => string | null}
 */
const cutter = ([text, lengths, alone]) => {
  let next = 0;
  let nextAlone = 0;
  let at = 0;
  return () => {
    const length = lengths[next];
    next += 1;
    if (length === NULL) return null;
    if (length === ALONE) {
      nextAlone += 1;
      return alone[nextAlone - 1];
    }
    const from = at;
    at += length;
    return ownCopy(text, from, at);
  };
};

/**
 * Cuts pairs of strings, of which the second may be `null`, out of what the addon packs many strings into. Returns a
 * function that returns the next pair, and `undefined` after the last.
 *
 * Pairs are cut when they are wanted: objects that live from one step of a consumer to the next
 * cost the garbage collector far more than those that don't.
 *
 * @param {Packed} packed
 * @returns {() => [string, string | null] | undefined}
 */
const pairCutter = packed => {
  const cut = cutter(packed);
  let left = packed[1].length;
  return () => {
    if (left === 0) return undefined;
    left -= 2;
    return [cut(), cut()];
  };
};

/**
 * All pairs of pieces that the addon packs many strings into.
 *
 * @param {Packed[]} pieces
 */
const unpackPairs = pieces => {
  const pairs = [];
  for (let i = 0; i < pieces.length; i += 1) {
    const cut = pairCutter(pieces[i]);
    for (let pair = cut(); pair !== undefined; pair = cut()) pairs.push(pair);
  }
  return pairs;
};

/**
 * Cuts a vat's items out of runs of items that follow one another, each with the incarnation and
 * the first one's position. Returns a function that returns the next item, and `undefined` after
 * the last.
 *
 * @param {[number, number, Packed][]} runs
 */
const itemCutter = runs => {
  let run = -1;
  let next = 0;
  let end = 0;
  let cut = () => null;
  return () => {
    while (next === end) {
      run += 1;
      if (run >= runs.length) return undefined;
      cut = cutter(runs[run][2]);
      next = 0;
      end = runs[run][2][1].length;
    }
    const position = runs[run][1] + next;
    next += 1;
    return Object.freeze({ position, incarnation: runs[run][0], item: cut() });
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
