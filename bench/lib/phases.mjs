/** All phases, in the order in which they run. Each is the file of its name in `../phases`. */
export const phaseNames = [
  'kernel-trace',
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
  'export-native',
  'import-native',
  'export-compressed',
  'import-compressed',
  'budgeted-deletion',
  'completeness',
  'open',
  'names',
  'inspect',
  'verify',
  'compact',
  'prune',
  'repopulate',
];

/**
 * @typedef {object} Context
 * @property {typeof import('../../index.js')} api the implementation
 * @property {string} implementation its name, see `implementations.mjs`
 * @property {Record<string, number>} sizes the phase's sizes
 * @property {string} input the directory that the phase's input filled; `run` only reads it
 * @property {string} store a directory for a store: a copy of `input/store` if that exists, otherwise missing
 * @property {string} scratch an empty directory
 * @property {(work: () => any) => Promise<any>} measure does the work that is measured
 *
 * @typedef {object} Input phases with the same input in the same sizes share it
 * @property {Record<string, number | { fixed: number }>} sizes
 * @property {(context: Context) => Promise<void>} make fills the directory `input`
 *
 * @typedef {object} PreparedLimit
 * @property {string[]} [command] an operation of the program for limits, with its arguments
 * @property {Record<string, string[]>} [commands] instead of it, several, by name, whose times are added
 * @property {number} [hash] how many bytes the work hashes; the time of SHA-256 is measured, too
 * @property {'sum' | 'largest'} [combine] how the limit includes this time; by default, not at all
 *
 * @typedef {object} Limit the same work at its least cost, see `limits.mjs`
 * @property {string} what a description, printed after the phase's name
 * @property {(context: Context & { plan: string }) => Promise<PreparedLimit>} prepare writes the commands' files into the
 *   directory `plan`; each run gets a copy of the input's store
 * @property {{ what: string, run: (context: Context) => Promise<void | { medianBlock: number }> }} [host] what the phase's
 *   JavaScript does without a store, measured apart; `medianBlock` is the time of a block, in seconds
 *
 * @typedef {object} Phase
 * @property {string} name
 * @property {boolean} [oursOnly] whether the reference has nothing of the kind
 * @property {number} [goal] the ratio to the reference's speed that ours must reach
 * @property {{ time: number, vats: number }} [largeGoals] the same on a large store, by the order of its items
 * @property {number} [limitGoal] the multiple of the limit's time within which ours must be
 * @property {Record<string, number | { fixed: number }>} [sizes] of the input and of the work; without them, the phase needs
 *   an existing store
 * @property {string} unit the operation that is repeated
 * @property {Record<string, number>} [parts] figures of `run`, in seconds, to compare one by one, each with its own goal;
 *   0 for none
 * @property {boolean} [stalls] whether to measure stalls of the event loop, too
 * @property {string} [needs] a function that ours must have; without it the phase is skipped
 * @property {Input} [input]
 * @property {{ sizes: Record<string, number>, fixed?: Record<string, number>, factor: number }} [growth] for
 *   `--growth`: the sizes to multiply, changed sizes that stay fixed, and the factor
 * @property {Limit} [limit]
 * @property {(context: Context) => Promise<{ work: object, units: number, figures?: object }>} run `work` describes the
 *   result, which must be the same for both implementations; `units` is the number of units; `figures` are printed or
 *   written to the results
 */

/** @returns {Promise<Phase>} */
export const loadPhase = name => import(`../phases/${name}.mjs`);

/** @returns {Promise<Phase[]>} */
export const loadPhases = names => Promise.all(names.map(loadPhase));
