// What a call did, as plain data: whether it returned, threw at once or came to
// nothing later, and with what. Two outcomes can then be compared like values.
import { Buffer } from 'node:buffer';

const same = text => text;

export const isError = value => value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';

export const describeError = (error, tidy = same) => {
  if (!isError(error)) {
    return { notAnError: String(error) };
  }
  const { name, message, code } = error;
  return {
    error: true,
    constructor: error.constructor.name,
    name,
    message: tidy(String(message)),
    code,
  };
};

export const isPromise = value => typeof value === 'object' && value !== null && typeof value.then === 'function';

/**
 * Run a thunk and say what came of it.
 *
 * @param {() => unknown} thunk
 * @param {(text: string) => string} [tidy]  takes what differs by design (paths) out of messages
 */
export const attempt = async (thunk, tidy = same) => {
  let value;
  try {
    value = thunk();
  } catch (error) {
    return { throws: describeError(error, tidy) };
  }
  if (!isPromise(value)) {
    return { returns: value };
  }
  try {
    return { resolves: await value };
  } catch (error) {
    return { rejects: describeError(error, tidy) };
  }
};

/**
 * Read an iterator to its end. It is data how far it came and how it ended, so
 * an error at the first step is not the same as an error at the call.
 */
export const drain = (iterator, tidy = same) => {
  const items = [];
  try {
    for (const item of iterator) {
      items.push(item);
    }
  } catch (error) {
    return { items, ended: describeError(error, tidy) };
  }
  return { items, ended: 'done' };
};

export const drainAsync = async (iterator, tidy = same) => {
  const items = [];
  try {
    for await (const item of iterator) {
      items.push(item);
    }
  } catch (error) {
    return { items, ended: describeError(error, tidy) };
  }
  return { items, ended: 'done' };
};

/**
 * Only the concatenation of an artifact's chunks counts, so that is what is
 * kept; but each must be a Buffer, since callers use them as such.
 */
export const drainBytes = async (iterator, tidy = same) => {
  const { items, ended } = await drainAsync(iterator, tidy);
  return {
    bytes: Buffer.concat(items.map(item => Buffer.from(item))),
    allBuffers: items.every(item => Buffer.isBuffer(item)),
    ended,
  };
};
