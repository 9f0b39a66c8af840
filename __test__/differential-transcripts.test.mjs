// The transcript store: random sequences, side by side.
import '@endo/init/debug.js';

import test from 'ava';
import { example } from './support/arbitraries/config.mjs';
import {
  hugeTranscriptSteps,
  transcriptSteps,
} from './support/arbitraries/transcripts.mjs';
import { reference, subject } from './support/implementations.mjs';
import { checkProperty } from './support/property.mjs';
import { runSideBySide } from './support/runner.mjs';

const pair = [subject, reference];
const check = x => runSideBySide(pair, x);

test('spans, incarnations and deletion', async t => {
  const steps = transcriptSteps({ maxLength: 30, size: 'max' });
  const tail = transcriptSteps({ maxLength: 8, size: 'max' });
  await checkProperty(t, example(steps, tail), check, { runs: 120 });
});

test('items of a megabyte', async t => {
  const steps = hugeTranscriptSteps({ maxLength: 10, size: 'max' });
  const tail = hugeTranscriptSteps({ maxLength: 4, size: 'max' });
  await checkProperty(t, example(steps, tail), check, { runs: 10 });
});
