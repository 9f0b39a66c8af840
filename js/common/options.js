'use strict';

const { validateArtifactMode } = require('./artifact-mode.js');
const { check, checkPositive, quote, refuse } = require('./errors.js');

/** A name without what people get wrong first: capitals, hyphens and underscores. */
const plain = name => name.toLowerCase().replace(/[-_\s]/g, '');

/** How many letters have to be added, removed, replaced or swapped to make one word of another. */
const distance = (from, to) => {
  const rows = [Array.from({ length: to.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = rows[i - 1][j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, rows[i - 1][j] + 1, row[j - 1] + 1);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
      }
    }
    rows.push(row);
  }
  return rows[from.length][to.length];
};

/** No name is longer. What is, is near to none. */
const LONGEST_NAME = 40;

/** What other programs call what has another name here. */
const OTHER_WORDS = { from: 'start', to: 'end', progress: 'onProgress', abort: 'signal', abortSignal: 'signal' };

/**
 * Of some names, the one that was meant by another; `undefined` if none is near.
 *
 * @param {string} name
 * @param {string[]} names
 */
const nearest = (name, names) => {
  if (name.length > LONGEST_NAME) return undefined;
  const wanted = plain(name);
  if (wanted === '') return undefined;
  const same = names.find(known => plain(known) === wanted);
  if (same !== undefined) return same;
  const other = Object.hasOwn(OTHER_WORDS, name) ? OTHER_WORDS[name] : undefined;
  if (other !== undefined && names.includes(other)) return other;
  const [closest] = names
    .map(known => ({ known, by: distance(wanted, plain(known)) }))
    .filter(({ known, by }) => by <= Math.max(1, Math.floor(plain(known).length / 3)))
    .sort((a, b) => a.by - b.by);
  if (closest) return closest.known;
  // `mode` for `artifactMode`, say.
  return wanted.length < 3 ? undefined : names.find(known => plain(known).endsWith(wanted));
};

/** Whether a value is an object as `{ … }` makes it, in whichever realm, and no instance of a class. */
const isPlainObject = value => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

/** How a message shows a property's name. */
const show = key => (typeof key === 'symbol' ? String(key) : quote(key));

/**
 * The options of a function that the reference does not have, read once. Throws for an option that the function does not
 * have, so that a misspelled one can't pass for one that was left out, and for a value of the wrong type.
 *
 * @param {string} owner  what takes the options, for messages
 * @param {unknown} options
 * @param {Record<string, (name: string, value: any) => void>} known  for each option a function that throws unless its
 *   value, which is not `undefined`, is right
 * @param {ErrorConstructor} [Class] of the errors
 * @returns {Record<string, any>}
 */
const takeOptions = (owner, options, known, Class = Error) => {
  if (options === undefined) return {};
  const names = Object.keys(known);
  const list = names.length > 0 ? `The options are ${names.join(', ')}` : 'There are none';
  if (!isPlainObject(options)) {
    refuse(`the options of ${owner} must be a plain object, such as { ${names[0] ?? ''}: … }. ${list}`, Class);
  }
  const taken = {};
  for (const key of Reflect.ownKeys(options)) {
    if (typeof key === 'symbol' || !Object.hasOwn(known, key)) {
      const meant = typeof key === 'symbol' ? undefined : nearest(key, names);
      const advice = meant === undefined ? list : `Did you mean ${quote(meant)}? ${list}`;
      refuse(`${owner} has no option ${show(key)}. ${advice}`, Class);
    }
    const value = options[key];
    if (value !== undefined) {
      known[key](key, value);
      taken[key] = value;
    }
  }
  return taken;
};

/** Throws if a function that takes no options, or no more arguments, was given some. */
const takeNothingElse = (owner, others) =>
  check(
    others.every(other => other === undefined),
    `${owner} takes no options, and no other argument`,
  );

const aBoolean = (name, value) => check(typeof value === 'boolean', `${name} must be a boolean`);
const aNumber = (name, value) => check(Number.isFinite(value), `${name} must be a number`);

/** The height of a block. */
const aHeight = (name, value) => {
  check(typeof value === 'number', `${name} must be a number`);
  const isHeight = Number.isSafeInteger(value) && value >= 0;
  check(isHeight, `${name} must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${value}`);
};
const aString = (name, value) => check(typeof value === 'string', `${name} must be a string`);
const aMode = (name, value) => validateArtifactMode(value);
const aFunction = (name, value) => check(typeof value === 'function', `${name} must be a function`);
/** For what is looked at elsewhere. */
const anything = () => {};

/** The options of all work that can be watched and ended. */
const WORK = {
  onProgress: aFunction,
  signal: (name, value) => check(value instanceof AbortSignal, `${name} must be an AbortSignal`),
};

module.exports = {
  WORK,
  aBoolean,
  aFunction,
  aMode,
  aHeight,
  aNumber,
  aPositive: checkPositive,
  aString,
  anything,
  takeNothingElse,
  takeOptions,
};
