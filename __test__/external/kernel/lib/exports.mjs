// Compares the exports of both stores by both sides.

import { inPairs } from '../../../support/external/processes.mjs';
import { sides } from '../../../support/external/sides.mjs';

export const modes = ['operational', 'replay', 'archival', 'debug'];

/** Checks that the scenario left all the data for the comparison. */
const checkScenario = (checks, exported) => {
  const names = exported.debug.artifacts.map(([artifact]) => artifact);
  const count = type => names.filter(artifact => artifact.startsWith(`${type}.`)).length;
  const snapshots = count('snapshot');
  const spans = count('transcript');
  const bundles = count('bundle');
  checks.holds(
    `there are ${snapshots} snapshots, ${spans} spans and ${bundles} bundles to compare`,
    snapshots >= 20 && spans >= 40 && bundles >= 8,
    'too few: has the scenario changed?',
  );
};

/** The modes in which a store can't be exported. */
export const checkModes = (checks, exported, expected) => {
  const which = expected.length === 0 ? 'every mode' : `all modes but ${expected.join(' and ')}`;
  const refused = modes.filter(mode => exported[mode].refused);
  checks.equal(`the stores can be exported in ${which}`, refused, expected);
};

const sortByKey = entries => [...entries].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));

/** Returns the reference's exports of its own store. */
export const compareExports = async ({ checks, chains, progress }) => {
  progress('each exports both stores, in every mode');
  const pairs = sides.flatMap(store => sides.map(by => ({ store, by })));
  const exports = await inPairs(
    pairs.map(({ store, by }) => async () => ({
      store,
      by,
      exported: await chains.exportStore(by, store),
    })),
  );
  const { exported: expected } = exports.find(({ store, by }) => store === 'reference' && by === 'reference');
  checkScenario(checks, expected);
  checkModes(checks, expected, []);
  for (const { store, by, exported } of exports) {
    if (exported !== expected) {
      for (const mode of modes) {
        checks.equal(`the store of ${store}, exported by ${by}: ${mode}`, exported[mode], expected[mode]);
      }
    }
    if (store === by) {
      checks.equal(
        `the export callback of ${by} received all export data`,
        sortByKey(chains.recordedData(store)),
        sortByKey(exported.archival.data),
      );
    }
  }
  return expected;
};
