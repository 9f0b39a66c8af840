/** Chooses the test files to run for a mutant, and their order. */

/** Records how many mutants of a source file each test file killed, of how many that it ran with. */
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
    /** Estimates the chance that a test kills a mutant of a source file; `share` is the part of its mutants that it reaches. */
    chance(source, test, share) {
      const { killed, of } = met.get(key(source, test)) ?? { killed: 0, of: 0 };
      return (killed + share / 2) / (of + 1);
    },
  };
};

/** The cost of a test in milliseconds: its computing time, or a quarter of its duration, since other tests run while it waits. */
const costOf = ({ ms, cpu }) => Math.max(cpu, ms / 4);

/**
 * Selects the test files for a mutant, in descending order of their chance to kill it for each millisecond. Leaves out
 * those that passed before.
 *
 * @param {import('./mutants.mjs').Mutant} mutant
 * @param {import('./coverage.mjs').TestFile[]} tests
 * @param {{ record: ReturnType<typeof makeRecord>, ran: Record<string, string>, budget: number }} options  `budget`: their
 *   total cost, at most
 */
export const planFor = (mutant, tests, { record, ran, budget }) => {
  const value = test => record.chance(mutant.file, test.name, test.shareOf(mutant.file)) / costOf(test);
  const ordered = tests.filter(test => test.reaches(mutant)).sort((a, b) => value(b) - value(a));
  let left = budget;
  const affordable = [];
  for (const test of ordered) {
    // At least one.
    if (left < costOf(test) && affordable.length > 0) continue;
    left -= costOf(test);
    affordable.push(test);
  }
  return affordable.filter(({ name, version }) => ran[name] !== version);
};
