// Imports, exports, and all that changes a store as a whole are killed at any moment: what they leave is whole, or what was
// there before, or plainly neither; and a second attempt succeeds. `npm run torture:jobs` does the same some thousand
// times, and for the command line, too.
import test from 'ava';

import { crashJobs } from './support/crash-job.mjs';
import { inTempDir } from './support/world.mjs';

test('what a killed job leaves is whole or nothing, and it can be done again', async t => {
  t.timeout(300_000);
  await inTempDir(async base => {
    const names = ['importSwingStore.0', 'importFromDirectory.1', 'exportToDirectory', 'repair', 'prune', 'archive'];
    const seed = Math.floor(Math.random() * 2 ** 31);
    const figures = await crashJobs(base, { names, rounds: 3, seed, size: { items: 20, imageSize: 20_000 } });
    t.log({ seed, ...figures });
    t.deepEqual(Object.keys(figures), names);
    t.true(
      Object.values(figures).every(({ killed }) => killed <= 3) &&
        Object.values(figures).some(({ killed }) => killed > 0),
    );
  });
});
