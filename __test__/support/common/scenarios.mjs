// A scenario is a function that plays with one implementation in a directory of
// its own and says, as plain data, what it saw. Played by both, it must be the same.
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

/** One test each, so that what differs has a name. */
export const testScenarios = (test, pair, scenarios) => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    test.serial(name, async t => {
      const ours = await playScenario(pair[0], scenario);
      const theirs = await playScenario(pair[1], scenario);
      t.notThrows(() => assertSame(ours, theirs, name));
    });
  }
};
