/** What became of each mutant: one line of JSON each in a file that grows, so that a campaign goes on where it was ended. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {string} version
 * @property {'killed' | 'timeout' | 'survived'} status
 * @property {string} [by]  the test file that it failed
 * @property {Record<string, string>} ran  the versions of the test files that it passed
 * @property {number} ms
 */

/** @param {string} file */
export const openResults = file => {
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
      return found?.version === version ? found : undefined;
    },
    /** @param {Result} result */
    add(result) {
      take(result);
      appendFileSync(file, `${JSON.stringify(result)}\n`);
    },
    all: () => [...byName.values()],
  };
};
