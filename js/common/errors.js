'use strict';

const { startLogging } = require('../addon/logging.js');
const native = require('../addon/native.js');

/** An error that SQLite reports. `code` is SQLite's name for it, such as `SQLITE_BUSY`. */
class SqliteError extends Error {
  constructor(message, code) {
    super(message);
    // Not enumerable, as in better-sqlite3, so that comparisons ignore it.
    Object.defineProperty(this, 'code', { value: `${code}`, writable: true, configurable: true });
  }
}
Object.defineProperty(SqliteError.prototype, 'name', {
  value: 'SqliteError',
  writable: true,
  configurable: true,
});

/** Whether SES hides values in messages. It does unless its error taming is `unsafe`. */
const hidesValues = () => {
  const { assert } = globalThis;
  try {
    // Without SES this is a TypeError.
    assert.Fail`${'shown'}`;
  } catch (error) {
    return error.message === '(a string)';
  }
  return false;
};

/** Whether the addon makes its errors in another realm than this one: jest has one for each test file. */
const isOtherRealm = !(native instanceof Object);

const classes = { Error, RangeError, SyntaxError, TypeError };

/** Copies an error of another realm into this realm. */
const localError = error => {
  if (error instanceof Error) return error;
  const Class = Object.hasOwn(classes, error.name) ? classes[error.name] : Error;
  const local = new Class(error.message);
  const code = Object.getOwnPropertyDescriptor(error, 'code');
  if (code) Object.defineProperty(local, 'code', code);
  return local;
};

/**
 * Shows the full message on the console: SES prints the note below the error, as it prints the hidden values of its own
 * errors.
 */
const addNote = (error, shown) => {
  const { assert } = globalThis;
  if (error.message === shown || typeof assert.note !== 'function') return;
  assert.note(error, assert.details(Object.assign([shown], { raw: [shown] })));
};

/** Identifies this copy of the module: copies in other realms share the addon, and the last to open a store configures it. */
const self = {};
let taming;

/**
 * Makes the addon word its errors as SES would. Every function that may report an error calls this first, since a lockdown
 * may happen after this package was loaded. For the same reason, it starts logging, which the environment may ask for.
 */
const followTaming = () => {
  startLogging();
  const { assert } = globalThis;
  if (taming && taming.assert === assert && native.configuredBy === self) return;
  taming = { assert };
  native.configuredBy = self;
  const hides = hidesValues();
  const finish = (error, shown) => {
    const local = localError(error);
    addNote(local, shown);
    return local;
  };
  native.configure(hides, SqliteError, hides || isOtherRealm ? finish : undefined);
};

/** Quotes a value as the reference's messages do, which put a string that begins with a bracket into another pair. */
const quote = value => {
  if (value === undefined) return '"[undefined]"';
  if (typeof value === 'symbol') return JSON.stringify(`[${String(value)}]`);
  if (typeof value === 'bigint') return `"[${value}n]"`;
  if (typeof value === 'function') return JSON.stringify(`[Function ${value.name || '<anon>'}]`);
  const bracketed = typeof value === 'string' && value.startsWith('[') ? `[${value}]` : value;
  try {
    return `${JSON.stringify(bracketed)}`;
  } catch {
    return `"[${typeof value}]"`;
  }
};

/** Throws an error with the code `ERR_SWING_STORE_ARGUMENT`. */
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
 * Throws an error with the code `ERR_SWING_STORE_ARGUMENT` unless the condition is truthy.
 *
 * @param {unknown} condition
 * @param {string} message
 * @returns {asserts condition}
 */
const check = (condition, message) => {
  if (!condition) refuse(message);
};

/** Throws unless an argument is a string. */
const checkString = (name, value) => check(typeof value === 'string', `${name} must be a string`);

/** Throws unless an argument is a path: a string that is not empty. */
const checkPath = (name, value) => checkString(name, value === '' ? undefined : value);

/** Throws unless an optional value is a positive whole number or undefined. */
const checkPositive = (name, number) =>
  check(
    number === undefined || (Number.isSafeInteger(number) && number > 0),
    `${name} must be a positive whole number`,
  );

module.exports = { SqliteError, check, checkPath, checkPositive, checkString, followTaming, quote, refuse };
