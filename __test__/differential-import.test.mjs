// Import is validation: exports that were spoiled in every way we could think of
// get the same verdict, with the same words, from both implementations.
import '@endo/init/debug.js';

import test from 'ava';
import { reference, subject } from './support/implementations.mjs';
import { checkProperty } from './support/property.mjs';
import { suites } from './support/suites.mjs';

const run = (t, { examples, check }, runs) => checkProperty(t, examples, x => check([subject, reference], x), { runs });

test('spoiled exports', t => run(t, suites.import, 200));

test('repairing metadata', t => run(t, suites.repair, 80));
