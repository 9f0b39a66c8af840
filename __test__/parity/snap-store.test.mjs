// The snapshot store: random sequences, side by side.
import '@endo/init/debug.js';

import test from 'ava';
import { reference, subject } from '../support/common/implementations.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { suites } from '../support/parity/suites.mjs';

const run = (t, { examples, check }, runs) => checkProperty(t, examples, x => check([subject, reference], x), { runs });

test('saving, loading and deleting', t => run(t, suites.snapshots, 60));

test('images of more than a megabyte', t => run(t, suites.largeSnapshots, 5));
