// Mistakes, one by one: the same message, kind of error and point of failure.
import '@endo/init/debug.js';

import test from 'ava';
import { errorScenarios } from './support/error-calls.mjs';
import { reference, subject } from './support/implementations.mjs';
import { testScenarios } from './support/scenarios.mjs';

testScenarios(test, [subject, reference], errorScenarios);
