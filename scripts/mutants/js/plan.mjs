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
    chance(source, test) {
      const { killed, of } = met.get(key(source, test)) ?? { killed: 0, of: 0 };
      return (killed + 1) / (of + 3);
    },
  };
};

/**
 * The test files for a mutant, the best first: those that are quick for how likely they are to kill it. Of those that it
 * has passed before none is run again.
 *
 * @param {import('./mutants.mjs').Mutant} mutant
 * @param {import('./coverage.mjs').TestFile[]} tests
 * @param {{ record: ReturnType<typeof makeRecord>, ran: Record<string, string>, budget: number }} options  `budget`: how
 *   many milliseconds they may compute together
 */
export const planFor = (mutant, tests, { record, ran, budget }) => {
  const value = ({ name, cpu }) => record.chance(mutant.file, name) / cpu;
  const ordered = tests.filter(test => test.reaches(mutant)).sort((a, b) => value(b) - value(a));
  let left = budget;
  const chosen = [];
  for (const test of ordered) {
    const hasRun = ran[test.name] === test.version;
    if (left < test.cpu && chosen.length > 0) continue;
    left -= test.cpu;
    if (!hasRun) chosen.push(test);
  }
  return chosen;
};
