// The random sequences with caches, buffers and chunks of a few bytes, which are always full; or with only some small
// limits, which reveals data that is in one place and missing in another.
import '@endo/init/debug.js';

import fc from 'fast-check';
import test from 'ava';
import { reference, subject } from '../support/common/implementations.mjs';
import { limitNames, useLimits } from '../support/common/small-limits.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { suites } from '../support/parity/suites.mjs';

const limits = fc.oneof(
  { weight: 3, arbitrary: fc.constant('tiny') },
  { weight: 1, arbitrary: fc.constantFrom(...limitNames) },
);

const runs = { kv: 60, hugeKv: 4, transcripts: 50, snapshots: 6, bundles: 15, whole: 20, import: 50, repair: 30 };

for (const [name, count] of Object.entries(runs)) {
  const { examples, check } = suites[name];
  // In sequence, because the limits apply to the process.
  test.serial(`${name} with small limits`, t =>
    checkProperty(
      t,
      fc.record({ limits, example: examples }),
      ({ limits: chosen, example }) => {
        useLimits(chosen);
        return check([subject, reference], example);
      },
      { runs: count },
    ),
  );
}
