// The bundle store: random sequences, side by side.
import '@endo/init/debug.js';

import test from 'ava';
import { bundleSteps } from './support/arbitraries/bundles.mjs';
import { example } from './support/arbitraries/config.mjs';
import { reference, subject } from './support/implementations.mjs';
import { checkProperty } from './support/property.mjs';
import { runSideBySide } from './support/runner.mjs';

const pair = [subject, reference];
const check = x => runSideBySide(pair, x);

test('adding, getting and deleting', async t => {
  const steps = bundleSteps({ maxLength: 25, size: 'max' });
  const tail = bundleSteps({ maxLength: 6, size: 'max' });
  await checkProperty(t, example(steps, tail), check, { runs: 80 });
});
