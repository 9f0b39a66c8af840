// Imports, exports and other jobs that are killed at random times leave a complete result, the previous state, or something
// recognizably unfinished; and a second attempt succeeds. `npm run torture:jobs` does the same thousands of times, also for
// the command line.
import test from 'ava';

import { crashJobs } from '../support/torture/killed-jobs.mjs';
import { leaveOut } from '../support/common/requirements.mjs';
import { inTempDir } from '../support/common/world.mjs';

test('a killed job leaves a complete result or none, and can be repeated', async t => {
  t.timeout(300_000);
  await inTempDir(async base => {
    const names = ['importSwingStore.0', 'importFromDirectory.1', 'exportToDirectory', 'repair', 'prune', 'archive'];
    const seed = Math.floor(Math.random() * 2 ** 31);
    const figures = await crashJobs(base, { names, rounds: 3, seed, size: { items: 20, imageSize: 20_000 } });
    t.log({ seed, ...figures });
    t.deepEqual(Object.keys(figures), names);
    // With a timer, a process may end before it is killed; before one of its calls, it is always killed.
    for (const [name, { killed, calls }] of Object.entries(figures)) t.true(killed > 0 || calls === 0, name);
    if (figures.exportToDirectory.calls === 0) leaveOut(t, 'compiler');
    else t.like(figures.exportToDirectory.durable, { named: 16, manifests: 1 });
  });
});
