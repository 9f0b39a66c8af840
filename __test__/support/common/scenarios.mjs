// A scenario is a function that uses one implementation in its own directory and returns its observations as plain data.
// Both implementations must give the same result.
import path from 'node:path';
import { assertSame } from './compare.mjs';
import { attempt } from './outcome.mjs';
import { makeTempDir, removeDir } from './world.mjs';

export const playScenario = async (impl, scenario) => {
  const base = makeTempDir();
  const tidy = text => text.split(base).join('<base>');
  try {
    return await scenario({
      impl,
      api: impl.api,
      base,
      dir: path.join(base, 'store'),
      tidy,
      attempt: thunk => attempt(thunk, tidy),
    });
  } finally {
    removeDir(base);
  }
};

/** Defines one test for each scenario, so that a difference has a name. */
export const testScenarios = (test, pair, scenarios) => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    test.serial(name, async t => {
      const ours = await playScenario(pair[0], scenario);
      const theirs = await playScenario(pair[1], scenario);
      t.notThrows(() => assertSame(ours, theirs, name));
    });
  }
};
