// Thousands of wrong arguments and streams, in separate processes.
import test from 'ava';

import { faultsIn, runSituation } from '../support/common/calls/run-situation.mjs';
import { wrong } from '../support/common/calls/wrong-arguments.mjs';

for (const situation of Object.keys(wrong)) {
  test(situation, async t => {
    const seen = await runSituation('ours', situation);
    t.log(`${seen.length} outcomes`);
    t.deepEqual(faultsIn(seen), []);
    t.true(seen.length > 500);
  });
}
