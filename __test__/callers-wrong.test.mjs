// Wrong arguments and wrong streams: thousands of them, in processes of their own.
import test from 'ava';

import { faultsIn, runSituation } from './support/callers/child.mjs';
import { wrong } from './support/callers/wrong.mjs';

for (const situation of Object.keys(wrong)) {
  test(situation, async t => {
    const seen = await runSituation('ours', situation);
    t.log(`${seen.length} outcomes`);
    t.deepEqual(faultsIn(seen), []);
    t.true(seen.length > 500);
  });
}
