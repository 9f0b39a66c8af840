'use strict';

// Taken before anyone can change it.
const { join } = Array.prototype;

/** V8 copies what is shorter, instead of keeping the string that it was cut from. */
const SHORTEST_SLICE = 13;

/**
 * A part of a string, or all of it, that keeps nothing but its own characters: what V8 cuts from a string keeps all of
 * that string. It takes 0.05 µs and the copying.
 *
 * @param {string} text
 * @param {number} [from]
 * @param {number} [to]
 * @returns {string}
 */
const ownCopy = (text, from = 0, to = text.length) =>
  to - from < SHORTEST_SLICE
    ? text.slice(from, to)
    : Reflect.apply(join, [text.slice(from, from + 1), text.slice(from + 1, to)], ['']);

module.exports = { ownCopy };
