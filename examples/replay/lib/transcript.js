// Reads items of transcripts: the JSON text of a delivery, its system calls, and its result.

import { ReplayError } from './errors.js';

/** The deliveries that are notes of the kernel, and which a worker does not get. */
const PSEUDO_DELIVERIES = ['initialize-worker', 'load-snapshot', 'save-snapshot', 'shutdown-worker'];

const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a value is a tagged array, as deliveries, system calls and their results are. */
const isTagged = value => Array.isArray(value) && typeof value[0] === 'string';

/** What is wrong with an item; undefined if nothing. */
const problemOf = item => {
  if (!isObject(item)) return 'it is not an object';
  const { d, sc, r } = item;
  if (!isTagged(d)) return 'it has no delivery (d)';
  if (!Array.isArray(sc)) return 'it has no system calls (sc)';
  const bad = sc.findIndex(call => !isObject(call) || !isTagged(call.s) || !isTagged(call.r));
  if (bad >= 0) return `its system call ${bad} (sc) is malformed`;
  if (!isObject(r) || typeof r.status !== 'string') return 'it has no result (r)';
  const [kind, details] = d;
  if (kind === 'save-snapshot' && typeof r.snapshotID !== 'string') return 'it has no snapshot ID';
  if (kind === 'load-snapshot' && typeof details?.snapshotID !== 'string') return 'it has no snapshot ID';
  return undefined;
};

/**
 * Parses an item.
 *
 * @param {number} position
 * @param {string} text
 * @returns `kind` is the type of the delivery; `isPseudo` says whether it is one that a worker does not get
 * @throws {ReplayError} if it is malformed
 */
export const parseItem = (position, text) => {
  let item;
  let problem;
  try {
    item = JSON.parse(text);
    problem = problemOf(item);
  } catch (error) {
    problem = error.message;
  }
  if (problem) {
    throw new ReplayError(`the item at position ${position} is not one that this program can replay: ${problem}`);
  }
  const [kind] = item.d;
  return {
    position,
    kind,
    isPseudo: PSEUDO_DELIVERIES.includes(kind),
    delivery: item.d,
    syscalls: item.sc,
    result: item.r,
  };
};
