// Spoiled exports and bundles get the same verdict from both. `npm run torture:hostile` tries thousands of others.
import '@endo/init/debug.js';

import test from 'ava';
import { throwHostileInput } from './support/hostile.mjs';
import { seed } from './support/settings.mjs';
import { inTempDir } from './support/world.mjs';

test('hostile exports and bundles', async t => {
  await inTempDir(async base => {
    const figures = await throwHostileInput(base, { rounds: 250, seed });
    t.log(figures);
    t.true(figures.accepted > 0 && figures.refused > 0);
  });
});
