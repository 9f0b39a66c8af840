// Wrong calls, one by one: the same message, kind of error and point of failure.
import '@endo/init/debug.js';

import test from 'ava';
import { errorScenarios } from '../support/parity/wrong-calls.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { testScenarios } from '../support/common/scenarios.mjs';

testScenarios(test, [subject, reference], errorScenarios);
