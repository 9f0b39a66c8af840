// The key-value store and cranks: random sequences, side by side.
import '@endo/init/debug.js';

import test from 'ava';
import { reference, subject } from '../support/common/implementations.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { suites } from '../support/parity/suites.mjs';

const run = (t, { examples, check }, runs) => checkProperty(t, examples, x => check([subject, reference], x), { runs });

test('keys, values and cranks', t => run(t, suites.kv, 150));

test('values of a megabyte', t => run(t, suites.hugeKv, 12));
