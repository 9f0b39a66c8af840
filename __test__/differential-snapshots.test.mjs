// The snapshot store: random sequences, side by side.
import '@endo/init/debug.js';

import test from 'ava';
import { example, withoutDumps } from './support/arbitraries/config.mjs';
import {
  largeSnapshotSteps,
  snapshotSteps,
} from './support/arbitraries/snapshots.mjs';
import { reference, subject } from './support/implementations.mjs';
import { checkProperty } from './support/property.mjs';
import { runSideBySide } from './support/runner.mjs';

const pair = [subject, reference];
const check = x => runSideBySide(pair, x);

test('saving, loading and deleting', async t => {
  const steps = snapshotSteps({ maxLength: 20, size: 'max' });
  const tail = snapshotSteps({ maxLength: 6, size: 'max' });
  await checkProperty(t, example(steps, tail), check, { runs: 80 });
});

test('images of more than a megabyte', async t => {
  const steps = largeSnapshotSteps({ maxLength: 8, size: 'max' });
  const tail = largeSnapshotSteps({ maxLength: 3, size: 'max' });
  const examples = example(steps, tail, withoutDumps);
  await checkProperty(t, examples, check, { runs: 8 });
});
