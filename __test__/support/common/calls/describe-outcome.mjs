// Describes the outcome of a call in one line of text, for comparison.
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { isLoose } from '../known-differences.mjs';
import { isError } from '../outcome.mjs';

/** The time after which a call counts as unanswered, in milliseconds. */
const PATIENCE = 10_000;

const isObject = value => typeof value === 'object' && value !== null;

const isIterator = value => isObject(value) && typeof value.next === 'function';

const brief = text =>
  text.length < 200 ? text : `${text.length} characters, ${createHash('sha256').update(text).digest('hex')}`;

/** Fields that differ between runs or between gzip encoders. */
const LOOSE_FIELDS = [
  'compressSeconds',
  'dbSaveSeconds',
  'archiveWriteSeconds',
  'compressedSize',
  'compressedSnapshot',
];

const plain = value => {
  if (value instanceof Uint8Array) return `bytes ${createHash('sha256').update(value).digest('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([name]) => !LOOSE_FIELDS.includes(name));
  return Object.fromEntries(entries.map(([name, field]) => [name, plain(field)]));
};

export const describe = value => {
  if (isObject(value) && (isObject(value.hostStorage) || typeof value.prepare === 'function'))
    return 'something to be closed';
  const options = {
    breakLength: Infinity,
    depth: 8,
    sorted: true,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
  };
  return brief(inspect(plain(value), options));
};

/** Describes an error by its class and message. All messages of JavaScript engines about source text count as the same. */
export const describeError = error => {
  if (!isError(error)) return `what is no error: ${typeof error}`;
  const { message, constructor } = error;
  // Ours is a `TypeError`; the reference's is an `Error` with a message of SQLite.
  const name = constructor?.name;
  return isLoose({ constructor: name, message: String(message) })
    ? 'a TypeError about source text'
    : `${name}: ${brief(message)}`;
};

/** Reads an iterator's elements. Joins chunks, whose boundaries may differ. */
export const drain = async iterator => {
  const elements = [];
  for (;;) {
    const { value, done } = await iterator.next();
    if (done) break;
    elements.push(value);
  }
  return elements.length > 0 && elements.every(element => element instanceof Uint8Array)
    ? Buffer.concat(elements)
    : elements;
};

const inTime = promise => {
  let timer;
  const late = new Promise(resolve => {
    timer = setTimeout(() => resolve({ late: true }), PATIENCE);
  });
  const settled = Promise.resolve(promise).then(value => ({ value }));
  return Promise.race([settled, late]).finally(() => clearTimeout(timer));
};

/** Closes what a call has opened. */
const letGo = async value => {
  const close = value?.hostStorage?.close ?? value?.close;
  if (typeof close === 'function') await Promise.resolve(Reflect.apply(close, value, [])).catch(() => {});
};

/**
 * Calls a function, reads its result to the end, and describes the outcome.
 *
 * @param {() => unknown} call
 * @param {boolean} [close] whether to close what the call has opened
 */
export const outcomeOf = async (call, close = true) => {
  try {
    const called = call();
    if (isIterator(called)) {
      const { value, late } = await inTime(drain(called));
      return late ? 'DOES NOT ANSWER' : `yields ${describe(value)}`;
    }
    const { value, late } = await inTime(called);
    if (late) return 'DOES NOT ANSWER';
    if (isIterator(value)) return `yields ${describe(await drain(value))}`;
    const said = `returns ${describe(value)}`;
    if (close) await letGo(value);
    return said;
  } catch (error) {
    return `fails: ${describeError(error)}`;
  }
};

/** The same for callbacks, without waiting: the returned function describes the outcome later. */
export const outcomeNow = call => {
  let called;
  try {
    called = call();
    if (isIterator(called) && typeof called[Symbol.iterator] === 'function') called = [...called];
  } catch (error) {
    const said = `fails: ${describeError(error)}`;
    return async () => said;
  }
  const later = outcomeOf(() => called, false);
  return () => later;
};
