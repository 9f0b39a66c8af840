/** Chooses the test files that a mutant meets, and their order. */

/** How often each test file killed a mutant of a source file, of those it met. */
export const makeRecord = () => {
  const met = new Map();
  const key = (source, test) => `${source} ${test}`;
  return {
    add(source, test, killed) {
      const counts = met.get(key(source, test)) ?? { killed: 0, of: 0 };
      counts.of += 1;
      if (killed) counts.killed += 1;
      met.set(key(source, test), counts);
    },
    /** How likely a test is to kill a mutant of a source file; `share` is how much of that file it reaches. */
    chance(source, test, share) {
      const { killed, of } = met.get(key(source, test)) ?? { killed: 0, of: 0 };
      return (killed + share / 2) / (of + 1);
    },
  };
};

/** What a test costs, in milliseconds: what it computes, and a part of what it waits, since others go on meanwhile. */
const costOf = ({ ms, cpu }) => Math.max(cpu, ms / 4);

/**
 * The test files for a mutant, the best first: those that are quick for how likely they are to kill it. Of those that it
 * has passed before none is run again.
 *
 * @param {import('./mutants.mjs').Mutant} mutant
 * @param {import('./coverage.mjs').TestFile[]} tests
 * @param {{ record: ReturnType<typeof makeRecord>, ran: Record<string, string>, budget: number }} options  `budget`: how
 *   much they may cost together
 */
export const planFor = (mutant, tests, { record, ran, budget }) => {
  const value = test => record.chance(mutant.file, test.name, test.shareOf(mutant.file)) / costOf(test);
  const ordered = tests.filter(test => test.reaches(mutant)).sort((a, b) => value(b) - value(a));
  let left = budget;
  const affordable = [];
  for (const test of ordered) {
    // One at least.
    if (left < costOf(test) && affordable.length > 0) continue;
    left -= costOf(test);
    affordable.push(test);
  }
  return affordable.filter(({ name, version }) => ran[name] !== version);
};
