// Situations in which the reference's process would end, or its statements are busy: ours returns or fails with an error.
import test from 'ava';

import { faultsIn, runSituation } from '../support/common/calls/run-situation.mjs';
import { jobs } from '../support/common/calls/interrupted-jobs.mjs';
import { own } from '../support/common/calls/situations.mjs';

for (const situation of [...Object.keys(own), ...Object.keys(jobs)]) {
  test.serial(situation, async t => {
    const seen = await runSituation('ours', situation);
    t.deepEqual(faultsIn(seen), []);
    t.true(seen.length > 3);
    for (const [what, outcome] of seen) {
      // Without a turn of the event loop, no work has begun.
      if (what.endsWith(', aborted before')) t.is(outcome, 'fails: Error: stop', what);
      if (what.endsWith(', thrown at')) t.regex(outcome, /^fails: Error: (thrown in|there is no throw)$/, what);
      if (what.endsWith(', two at once')) t.regex(outcome, /^yields /, what);
      if (what.endsWith(', left half-way')) t.is(outcome, 'returns true', what);
      if (/with a (progress|signal) that is none$/.test(what))
        t.regex(outcome, /^fails: Error: (onProgress|signal) must be/, what);
      if (/with a progress that throws$/.test(what)) t.is(outcome, 'fails: Error: stop', what);
    }
  });
}
