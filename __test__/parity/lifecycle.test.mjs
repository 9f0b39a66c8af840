// Opening, options, closing, files: one scenario per test.
import '@endo/init/debug.js';

import test from 'ava';
import { reference, subject } from '../support/common/implementations.mjs';
import { lifecycleScenarios } from '../support/parity/lifecycle-scenarios.mjs';
import { testScenarios } from '../support/common/scenarios.mjs';

test('every export of the reference exists', t => {
  for (const [name, value] of Object.entries(reference.api)) {
    t.is(typeof subject.api[name], typeof value, name);
  }
});

testScenarios(test, [subject, reference], lifecycleScenarios);
