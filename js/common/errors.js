'use strict';

const native = require('../addon/native.js');

/** An error of SQLite itself; `code` is SQLite's name for it, such as `SQLITE_BUSY`. */
class SqliteError extends Error {
  constructor(message, code) {
    super(message);
    // As better-sqlite3 has them: out of sight of comparisons.
    Object.defineProperty(this, 'code', { value: `${code}`, writable: true, configurable: true });
  }
}
Object.defineProperty(SqliteError.prototype, 'name', {
  value: 'SqliteError',
  writable: true,
  configurable: true,
});

/** Whether SES hides values in messages, as it does unless its error taming is `unsafe`. */
const hidesValues = () => {
  const { assert } = globalThis;
  if (typeof assert !== 'function' || typeof assert.Fail !== 'function') return false;
  try {
    assert.Fail`${'shown'}`;
  } catch (error) {
    return error.message === '(a string)';
  }
  return false;
};

/** Whether the addon makes its errors in another realm than this: jest has one for each test file. */
const isElsewhere = !(native instanceof Object);

const classes = { Error, RangeError, SyntaxError, TypeError };

/** An error of this realm that says the same. */
const localError = error => {
  if (error instanceof Error) return error;
  const Class = Object.hasOwn(classes, error.name) ? classes[error.name] : Error;
  const local = new Class(error.message);
  const code = Object.getOwnPropertyDescriptor(error, 'code');
  if (code) Object.defineProperty(local, 'code', code);
  return local;
};

/**
 * Lets whoever reads the console see what a message hides: SES prints the note below the error, as
 * it prints the hidden values of its own errors.
 */
const addNote = (error, shown) => {
  const { assert } = globalThis;
  if (error.message === shown || typeof assert.note !== 'function') return;
  assert.note(error, assert.details(Object.assign([shown], { raw: [shown] })));
};

/** The addon may be that of another realm's copy of this file, too; whoever opens a store last has it. */
const self = {};
let taming;

/** Lets the addon word its errors as SES would. A lockdown may come later than this package. */
const followTaming = () => {
  const { assert } = globalThis;
  if (taming && taming.assert === assert && native.configuredBy === self) return;
  taming = { assert };
  native.configuredBy = self;
  const hides = hidesValues();
  const finish = (error, shown) => {
    const local = localError(error);
    if (hides) addNote(local, shown);
    return local;
  };
  native.configure(hides, SqliteError, hides || isElsewhere ? finish : undefined);
};

/** A value as a message of the reference shows it: a string that begins with a bracket is put into another pair. */
const quote = value => {
  if (value === undefined) return '"[undefined]"';
  const bracketed = typeof value === 'string' && value.startsWith('[') ? `[${value}]` : value;
  try {
    return `${JSON.stringify(bracketed)}`;
  } catch {
    return `"[${typeof value}]"`;
  }
};

/** Throws because of an argument. */
const refuse = (message, Class = Error) => {
  const error = new Class(message);
  Object.defineProperty(error, 'code', {
    value: 'ERR_SWING_STORE_ARGUMENT',
    writable: true,
    configurable: true,
    enumerable: true,
  });
  throw error;
};

/**
 * @param {unknown} condition
 * @param {string} message
 * @returns {asserts condition}
 */
const check = (condition, message) => {
  if (!condition) refuse(message);
};

/** Throws unless an argument is a string. */
const checkString = (name, value) => check(typeof value === 'string', `${name} must be a string`);

/** Throws unless an argument is a path: a string that says something. */
const checkPath = (name, value) => checkString(name, value === '' ? undefined : value);

/** Throws unless an option that may be left out is a positive whole number. */
const checkPositive = (name, number) =>
  check(
    number === undefined || (Number.isSafeInteger(number) && number > 0),
    `${name} must be a positive whole number`,
  );

module.exports = { SqliteError, check, checkPath, checkPositive, checkString, followTaming, quote, refuse };
