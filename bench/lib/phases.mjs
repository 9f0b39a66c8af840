/** All phases, in the order in which they run. A phase is the file of its name in `../phases`. */
export const phaseNames = [
  'kv-get',
  'kv-set',
  'crank-mix',
  'ordered-scan',
  'transcript-add',
  'transcript-read',
  'snapshot-save',
  'snapshot-load',
  'open-close',
  'export-data',
  'export',
  'import',
  'budgeted-deletion',
  'completeness',
];

/**
 * @typedef {object} Context
 * @property {typeof import('../../index.js')} api  the implementation
 * @property {string} input  what `prepare` made; `run` only reads it
 * @property {string} store  a directory for a store: a copy of `input/store` if there is one, absent otherwise
 * @property {string} scratch  an empty directory
 * @property {(whole: number) => number} size  a number at the scale that was asked for, at least 1
 * @property {(work: () => any) => Promise<any>} measure  does the work that counts
 *
 * @typedef {object} Phase
 * @property {string} name
 * @property {number} goal  how many times as fast as the reference ours is to be
 * @property {boolean} [stalls]  also measure how long the event loop stands still
 * @property {(context: Context) => any} [prepare]  makes input, once for all phases that have this function
 * @property {(context: Context) => Promise<{ work: object, figures?: object }>} run  `work` says what was done; it must
 *   come out the same whichever implementation did it; `figures` are printed or kept for the record
 */

/** @returns {Promise<Phase>} */
export const loadPhase = name => import(`../phases/${name}.mjs`);
