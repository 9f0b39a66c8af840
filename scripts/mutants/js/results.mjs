/** The result of each mutant: one line of JSON each, appended to a file, so that a campaign continues where it ended. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {string} version
 * @property {'killed' | 'timeout' | 'survived'} status
 * @property {string} [by]  the test file that it failed
 * @property {Record<string, string>} ran  the versions of the test files that it passed
 * @property {boolean} [hasMetAll]  of a survivor: whether it has met all tests that reach it
 * @property {boolean} [isRecorded]  whether it comes from the repository
 * @property {number} ms
 */

/** The results that a letter in the repository stands for. */
const RECORDED = {
  c: { status: 'killed', by: 'an earlier run', ran: {}, ms: 0, isRecorded: true },
  S: { status: 'survived', ran: {}, ms: 0, isRecorded: true },
};

/**
 * @param {string} file
 * @param {Map<string, string>} letters  the results in the repository, by the mutants' names
 */
export const openResults = (file, letters) => {
  /** @type {Map<string, Result>} */
  const byName = new Map();
  const take = result => {
    const before = byName.get(result.name);
    const ran = before && before.version === result.version ? { ...before.ran, ...result.ran } : result.ran;
    byName.set(result.name, { ...result, ran });
  };
  if (existsSync(file)) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      // The last line may have been cut short.
      if (line.endsWith('}')) take(JSON.parse(line));
    }
  }
  return {
    /** @param {import('./mutants.mjs').Mutant} mutant */
    of({ name, version }) {
      const found = byName.get(name);
      const own = found?.version === version ? found : undefined;
      const recorded = RECORDED[letters.get(name)];
      return own && (own.status !== 'survived' || recorded?.status !== 'killed')
        ? own
        : recorded && { ...recorded, name, version };
    },
    /** @param {Result} result */
    add(result) {
      take(result);
      appendFileSync(file, `${JSON.stringify(result)}\n`);
    },
    all: () => [...byName.values()],
  };
};
