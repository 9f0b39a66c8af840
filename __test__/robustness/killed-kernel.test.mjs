// The store of a killed kernel is in the state of the last confirmed commit, or of the commit in progress.
// `npm run torture:crash` does the same thousands of times.
import '@endo/init/debug.js';

import test from 'ava';
import { crashKernel } from '../support/torture/killed-kernel.mjs';
import { inTempDir } from '../support/common/world.mjs';

test('a killed kernel loses no commit', async t => {
  await inTempDir(async base => {
    const figures = await crashKernel(base, {
      rounds: 12,
      life: 3,
      verifyEvery: 4,
      seed: Math.floor(Math.random() * 2 ** 31),
    });
    t.log(figures);
    t.is(figures.rounds, 12);
    t.true(figures.commits > 12);
  });
});
