// Compares what a worker does with the record.

import { isDeepStrictEqual } from 'node:util';

/** A replay that differs from the record. */
export class Divergence extends Error {
  /**
   * @param {'syscall' | 'extra-syscall' | 'missing-syscall' | 'result' | 'computrons' | 'image' | 'worker'} kind
   * @param {object} details fields of the report
   */
  constructor(kind, details) {
    super(`the replay diverges: ${kind}`);
    this.kind = kind;
    this.details = details;
  }
}

const isContainer = value => typeof value === 'object' && value !== null;

/** The path of the first difference of two JSON values; undefined if they are equal. */
export const firstDifference = (a, b, path = '') => {
  if (isDeepStrictEqual(a, b)) return undefined;
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) return path;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const step = Array.isArray(a) ? `[${key}]` : `.${key}`;
    // A key that only one of them has differs, although JSON has no undefined.
    if (!Object.hasOwn(a, key) || !Object.hasOwn(b, key)) return `${path}${step}`;
    const difference = firstDifference(a[key], b[key], `${path}${step}`);
    if (difference !== undefined) return difference;
  }
  return path;
};

/**
 * Answers the system calls of a delivery from the record, and compares them with it.
 *
 * Like a kernel, it compares JSON values: the order of keys in objects has no meaning.
 *
 * @param {{ s: unknown[], r: unknown[] }[]} recorded
 */
export const makeSyscallComparison = recorded => {
  let made = 0;

  /** Returns the answer to a system call, or throws a divergence. */
  const answer = syscall => {
    const index = made;
    made += 1;
    const expected = recorded[index];
    if (!expected) {
      throw new Divergence('extra-syscall', { syscall: index, recorded: null, replayed: syscall });
    }
    const difference = firstDifference(expected.s, syscall);
    if (difference !== undefined) {
      throw new Divergence('syscall', { syscall: index, recorded: expected.s, replayed: syscall, difference });
    }
    return expected.r;
  };

  /** Throws a divergence if a recorded system call was not made. */
  const finish = () => {
    if (made < recorded.length) {
      throw new Divergence('missing-syscall', { syscall: made, recorded: recorded[made].s, replayed: null });
    }
  };

  return { answer, finish };
};
