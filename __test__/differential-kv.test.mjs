// The key-value store and cranks: random sequences, side by side.
import '@endo/init/debug.js';

import test from 'ava';
import { example } from './support/arbitraries/config.mjs';
import { hugeKvSteps, kvSteps } from './support/arbitraries/kv.mjs';
import { reference, subject } from './support/implementations.mjs';
import { checkProperty } from './support/property.mjs';
import { runSideBySide } from './support/runner.mjs';

const pair = [subject, reference];
const check = x => runSideBySide(pair, x);

test('keys, values and cranks', async t => {
  const steps = kvSteps({ maxLength: 60, size: 'max' });
  const tail = kvSteps({ maxLength: 10, size: 'max' });
  await checkProperty(t, example(steps, tail), check, { runs: 150 });
});

test('values of a megabyte', async t => {
  const steps = hugeKvSteps({ maxLength: 12, size: 'max' });
  const tail = hugeKvSteps({ maxLength: 4, size: 'max' });
  await checkProperty(t, example(steps, tail), check, { runs: 12 });
});
