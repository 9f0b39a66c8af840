// Tests of the comparison: it must find each of several deliberate faults, and nothing else.
import '@endo/init/debug.js';

import fc from 'fast-check';
import test from 'ava';
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { Difference, firstDifference } from '../support/common/compare.mjs';
import { faults } from '../support/parity/faulty-references.mjs';
import { reference } from '../support/common/implementations.mjs';
import { seed } from '../support/common/settings.mjs';
import { suites } from '../support/parity/suites.mjs';

test('a requirement may be missing, but in CI only if the environment names it', t => {
  const program = `
    const { leaveOut } = await import(${JSON.stringify(new URL('../support/common/requirements.mjs', import.meta.url))});
    leaveOut({ log() {}, pass: () => console.log('left out'), fail: text => console.log(text) }, 'root');`;
  const said = settings => {
    const env = { ...process.env, CI: '', SWING_STORE_TEST_WITHOUT: '', ...settings };
    return spawnSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' });
  };
  t.is(said({}).stdout, 'left out\n');
  t.regex(said({ CI: 'true' }).stdout, /^CI has to run this test, which needs the rights of root/);
  t.regex(said({ CI: 'true', SWING_STORE_TEST_WITHOUT: 'bash compiler' }).stdout, /^CI has to run this test/);
  t.is(said({ CI: 'true', SWING_STORE_TEST_WITHOUT: 'bash root' }).stdout, 'left out\n');
  t.regex(said({ SWING_STORE_TEST_WITHOUT: 'rot' }).stderr, /nothing that tests need is called "rot"/);
});

test('the comparer is strict', t => {
  const error = { error: true, constructor: 'Error', name: 'Error', message: 'x' };
  const unequal = [
    [1, 2],
    [0, -0],
    [1, 1n],
    ['1', 1],
    [null, undefined],
    [{ a: undefined }, {}],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [[1], [1, undefined]],
    [Buffer.from('a'), Buffer.from('b')],
    [Buffer.from('a'), 'a'],
    ['\ud800', '\ufffd'],
    [error, { ...error, message: 'y' }],
    [error, { ...error, constructor: 'TypeError' }],
    [error, { ...error, code: 'CODE' }],
    [{ throws: error }, { rejects: error }],
  ];
  for (const [ours, theirs] of unequal) {
    t.is(typeof firstDifference(ours, theirs), 'string');
  }
  t.is(firstDifference(NaN, NaN), undefined);
  t.is(firstDifference(Buffer.from('a'), new Uint8Array([97])), undefined);
  t.is(firstDifference({ ...error, code: 'OURS' }, error), undefined);
  const long = 'x'.repeat(1e6);
  t.true(firstDifference(`${long}a${long}`, `${long}b${long}`).length < 500);
});

for (const [name, { suite, impl }] of Object.entries(faults)) {
  test.serial(`finds ${name}`, async t => {
    const { examples, check } = suites[suite];
    const property = fc.asyncProperty(examples, x => check([impl, reference], x));
    // No shrinking: finding the fault is enough.
    const details = await fc.check(property, { seed, numRuns: 100, endOnFailure: true });
    t.true(details.failed);
    t.true(details.errorInstance instanceof Difference, details.errorInstance?.stack);
    t.log(`run ${details.numRuns}: ${details.errorInstance.message.slice(0, 300)}`);
  });
}
