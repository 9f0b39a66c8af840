'use strict';

const { validateArtifactMode } = require('./artifact-mode.js');
const { check, checkPositive, quote, refuse } = require('./errors.js');

/** A name in lower case, without hyphens, underscores and spaces. */
const plain = name => name.toLowerCase().replace(/[-_\s]/g, '');

/** The number of letters to add, remove, replace or swap to turn one word into another. */
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

/** Longer than any option's name: a longer name is not compared. */
const LONGEST_NAME = 40;

/** Names that other programs use for options of this package. */
const OTHER_WORDS = { from: 'start', to: 'end', abort: 'signal', abortSignal: 'signal' };

/**
 * Finds the name that a caller probably meant.
 *
 * @param {string} name
 * @param {string[]} names
 * @returns {string | undefined} one of `names`; `undefined` if none is similar
 */
const nearest = (name, names) => {
  if (name.length > LONGEST_NAME) return undefined;
  const wanted = plain(name);
  if (wanted === '') return undefined;
  const other = Object.hasOwn(OTHER_WORDS, name) ? OTHER_WORDS[name] : undefined;
  if (names.includes(other)) return other;
  const [closest] = names
    .map(known => ({ known, by: distance(wanted, plain(known)) }))
    .filter(({ known, by }) => by <= Math.max(1, Math.floor(plain(known).length / 3)))
    .sort((a, b) => a.by - b.by);
  if (closest) return closest.known;
  // For example `mode` for `artifactMode`.
  return wanted.length < 3 ? undefined : names.find(known => plain(known).endsWith(wanted));
};

/** Whether a value is an object as `{ … }` makes it, in any realm, and not an instance of a class. */
const isPlainObject = value => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

/** Quotes a property's name for a message. */
const show = key => (typeof key === 'symbol' ? String(key) : quote(key));

/**
 * Reads the options of a function that the reference does not have. Reads each property once.
 *
 * @param {string} owner the function's name, for messages
 * @param {unknown} options
 * @param {Record<string, (name: string, value: any) => void>} known maps each option to a function that throws if the
 *   option's value is invalid; it is not called for `undefined`
 * @param {ErrorConstructor} [Class] the class of the errors
 * @returns {Record<string, any>} the options that are not `undefined`
 * @throws for an unknown option, so that a misspelled option is not taken for an omitted one, and for an invalid value
 */
const takeOptions = (owner, options, known, Class = Error) => {
  if (options === undefined) return {};
  const names = Object.keys(known);
  const list = names.length > 0 ? `The options are ${names.join(', ')}` : 'It has no options';
  if (!isPlainObject(options)) {
    refuse(`the options of ${owner} must be a plain object, such as { ${names[0] ?? ''}: … }. ${list}`, Class);
  }
  const taken = {};
  for (const key of Reflect.ownKeys(options)) {
    if (!Object.hasOwn(known, key)) {
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

/** Throws if a function was called with more arguments than it takes. */
const takeNothingElse = (owner, others) =>
  check(
    others.every(other => other === undefined),
    `${owner} takes no options and no further arguments`,
  );

const aBoolean = (name, value) => check(typeof value === 'boolean', `${name} must be a boolean`);

/** Checks the height of a block. */
const aHeight = (name, value) => {
  check(typeof value === 'number', `${name} must be a number`);
  const isHeight = Number.isSafeInteger(value) && value >= 0;
  check(isHeight, `${name} must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${value}`);
};

/** Checks a position in a transcript, or the number of an incarnation. */
const aPosition = (name, value) => {
  check(typeof value === 'number', `${name} must be a number`);
  check(Number.isSafeInteger(value), `${name} must be a whole number, not ${value}`);
};
const aString = (name, value) => check(typeof value === 'string', `${name} must be a string`);
const aMode = (name, value) => validateArtifactMode(value);
const aFunction = (name, value) => check(typeof value === 'function', `${name} must be a function`);
/** Accepts any value: for options that are checked elsewhere. */
const anything = () => {};

/** The options of every function that reports progress and can be aborted. */
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
  aPosition,
  aPositive: checkPositive,
  aString,
  anything,
  takeNothingElse,
  takeOptions,
};
