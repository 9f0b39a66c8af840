'use strict';

const { ownCopy } = require('./own-copy.js');

/** Stands for the length of `null`. */
const NULL = 0xffffffff;

/** Stands for the length of a long string, which is passed separately. */
const ALONE = 0xfffffffe;

/**
 * Many strings, packed by the addon: one string of all short ones, the lengths of all in UTF-16 units, and the long ones.
 *
 * @typedef {[text: string, lengths: Uint32Array, alone: string[]]} Packed
 */

/**
 * Unpacks strings, any of which may be `null`.
 *
 * @param {Packed} packed
 * @returns {() => string | null} returns the next string; must not be called after the last
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
 * Unpacks pairs of strings, whose second may be `null`. Makes each pair on demand: objects that outlive a consumer's step
 * cost the garbage collector far more than short-lived ones.
 *
 * @param {Packed} packed
 * @returns {() => [string, string | null] | undefined} returns the next pair, and `undefined` after the last
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
 * Unpacks all pairs of several packs.
 *
 * @param {Packed[]} pieces
 * @returns {[string, string | null][]}
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
 * Unpacks a vat's items from runs of consecutive items.
 *
 * @param {[incarnation: number, firstPosition: number, items: Packed][]} runs
 * @returns {() => { position: number, incarnation: number, item: string | null } | undefined} returns the next item, and
 *   `undefined` after the last
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

/** Packs pairs of strings for the addon. The second string of a pair may be `null`. */
const makePacker = () => {
  let texts = [];
  let lengths = [];
  let size = 0;
  return {
    /** Adds a pair. Returns the approximate number of characters added so far. */
    add(key, value) {
      texts.push(key);
      lengths.push(key.length);
      if (value === null) {
        lengths.push(NULL);
      } else {
        texts.push(value);
        lengths.push(value.length);
      }
      // Empty pairs take memory, too.
      size += key.length + (value === null ? 0 : value.length) + 1;
      return size;
    },
    /** Removes and returns what was added: one string, and the lengths as bytes. */
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
