// Imports, exports, and all that changes a store as a whole are killed at any moment: what they leave is whole, or what was
// there before, or plainly neither; and a second attempt succeeds. `npm run torture:jobs` does the same some thousand
// times, and for the command line, too.
import test from 'ava';

import { crashJobs } from '../support/torture/killed-jobs.mjs';
import { leaveOut } from '../support/common/requirements.mjs';
import { inTempDir } from '../support/common/world.mjs';

test('what a killed job leaves is whole or nothing, and it can be done again', async t => {
  t.timeout(300_000);
  await inTempDir(async base => {
    const names = ['importSwingStore.0', 'importFromDirectory.1', 'exportToDirectory', 'repair', 'prune', 'archive'];
    const seed = Math.floor(Math.random() * 2 ** 31);
    const figures = await crashJobs(base, { names, rounds: 3, seed, size: { items: 20, imageSize: 20_000 } });
    t.log({ seed, ...figures });
    t.deepEqual(Object.keys(figures), names);
    // By the clock a process may have ended before; before one of its calls it is killed for certain.
    for (const [name, { killed, calls }] of Object.entries(figures)) t.true(killed > 0 || calls === 0, name);
    if (figures.exportToDirectory.calls === 0) leaveOut(t, 'compiler');
    else t.like(figures.exportToDirectory.durable, { named: 16, manifests: 1 });
  });
});
