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
  'export-native',
  'import-native',
  'budgeted-deletion',
  'completeness',
];

/**
 * @typedef {object} Context
 * @property {typeof import('../../index.js')} api  the implementation
 * @property {string} implementation  its name, see `implementations.mjs`
 * @property {Record<string, number>} sizes  the phase's, as they are to be
 * @property {string} input  what the phase's input made; `run` only reads it
 * @property {string} store  a directory for a store: a copy of `input/store` if there is one, absent otherwise
 * @property {string} scratch  an empty directory
 * @property {(work: () => any) => Promise<any>} measure  does the work that counts
 *
 * @typedef {object} Input  what phases share that name the same one and the same sizes of it
 * @property {Record<string, number | { fixed: number }>} sizes
 * @property {(context: Context) => Promise<void>} make  fills the directory `input`
 *
 * @typedef {object} Limit  the same work at its cheapest, see `limits.mjs`
 * @property {string} what  in words, to follow the phase's name
 * @property {(context: Context & { plan: string }) => Promise<{ command: string[], hash?: string[], repeat?: number }>}
 *   prepare  writes what the command needs into the directory `plan`; each run gets a copy of the input's store.
 *   `hash` names files over which SHA-256 is timed, `repeat` times
 *
 * @typedef {object} Phase
 * @property {string} name
 * @property {number} goal  how many times as fast as the reference ours is to be
 * @property {Record<string, number | { fixed: number }>} sizes  of the input and of the work
 * @property {string} unit  what is done again and again
 * @property {boolean} [stalls]  also measure how long the event loop stands still
 * @property {string} [needs]  the name of a function that ours has to have; without it the phase is left out
 * @property {Input} [input]
 * @property {{ sizes: Record<string, number>, fixed?: Record<string, number>, factor: number }} [growth]  with
 *   `--growth`: sizes to start from and to multiply, those that are other than usual, and by how much to multiply
 * @property {Limit} [limit]
 * @property {(context: Context) => Promise<{ work: object, units: number, figures?: object }>} run  `work` says what was
 *   done; it must come out the same whichever implementation did it; `units` how many units; `figures` are printed or
 *   kept for the record
 */

/** @returns {Promise<Phase>} */
export const loadPhase = name => import(`../phases/${name}.mjs`);

/** @returns {Promise<Phase[]>} */
export const loadPhases = names => Promise.all(names.map(loadPhase));
