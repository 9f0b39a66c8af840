// Describes a call's outcome as plain data: whether it returned, threw or rejected, and with what.
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
 * Runs a thunk and describes its outcome.
 *
 * @param {() => unknown} thunk
 * @param {(text: string) => string} [tidy] removes expected differences, such as paths, from messages
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
 * Reads an iterator to its end. The result includes the number of elements before an error, so that an error at the first
 * step differs from an error of the call.
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
 * Joins an artifact's chunks, whose boundaries may differ. Each chunk must be a Buffer, as callers expect.
 */
export const drainBytes = async (iterator, tidy = same) => {
  const { items, ended } = await drainAsync(iterator, tidy);
  return {
    bytes: Buffer.concat(items.map(item => Buffer.from(item))),
    allBuffers: items.every(item => Buffer.isBuffer(item)),
    ended,
  };
};
