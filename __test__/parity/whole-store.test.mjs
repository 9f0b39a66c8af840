// The whole store: steps of all kinds mixed, exporters that stay open while the store is used, and imports of each
// implementation's exports by the other.
import '@endo/init/debug.js';

import test from 'ava';
import { reference, subject } from '../support/common/implementations.mjs';
import { checkProperty } from '../support/common/property.mjs';
import { suites } from '../support/parity/suites.mjs';

const run = (t, { examples, check }, runs) => checkProperty(t, examples, x => check([subject, reference], x), { runs });

test('everything mixed, exported and imported', t => run(t, suites.whole, 70));
