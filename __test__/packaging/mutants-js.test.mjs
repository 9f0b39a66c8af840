// The results of `npm run mutants:js` in the repository. The command itself needs Stryker's instrumenter, and hours.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { makeRecord, planFor } from '../../scripts/mutants/js/plan.mjs';
import { GROUPS, functionsByGroup, readLetters } from '../../scripts/mutants/js/record.mjs';
import { openResults } from '../../scripts/mutants/js/results.mjs';
import { runTest } from '../../scripts/mutants/js/run-test.mjs';
import { readRecord, tableOf, tableOnPage } from '../../scripts/mutants/record.mjs';
import { temporaryDirectory } from '../support/common/temporary-directory.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('accepted survivors have a reason', t => {
  const accepted = JSON.parse(readFileSync(path.join(root, 'scripts/mutants/accepted-js.json'), 'utf8'));
  for (const [name, reason] of Object.entries(accepted)) t.true(reason.length > 10, name);
});

test('each directory of js/ has results, and the documentation shows their numbers', t => {
  t.deepEqual([...readRecord('js').keys()].sort(), GROUPS.toSorted());
  t.is(tableOnPage('js'), tableOf('js', GROUPS));
});

/** Mutants of the functions `f` and `g` in a file. */
const mutantsIn = (place, versions) =>
  ['f: a → b', 'f: c → d', 'g: a → b'].map((change, at) => ({
    name: `x.js ${change}`,
    file: 'x.js',
    place: `${place}:${at + 1}`,
    within: `x.js ${change[0]}`,
    version: versions[at],
  }));

test('a result in the repository holds until the function changes', t => {
  const mutants = mutantsIn('js/store/x.js', ['1', '1', '2']);
  const groups = functionsByGroup(mutants);
  t.deepEqual([...groups.keys()], ['store']);
  t.deepEqual(
    groups.get('store').map(({ file, name }) => [file, name]),
    [
      ['x.js', 'f'],
      ['x.js', 'g'],
    ],
  );
  const rows = groups.get('store').map(({ hash }, at) => ({ hash, letters: ['cS', 'a'][at] }));
  const lettersOf = others => [...readLetters(others, new Map([['store', rows]])).values()].join('');
  t.is(lettersOf(mutants), 'cSa');
  t.is(lettersOf(mutantsIn('js/tools/x.js', ['1', '1', '2'])), 'cSa');
  t.is(lettersOf(mutantsIn('js/store/x.js', ['2', '2', '2'])), 'a');
  t.is(lettersOf(mutants.slice(1)), 'a');
});

test('a kill counts more than a survival, and a result of other code not at all', t => {
  const directory = mkdtempSync(path.join(tmpdir(), 'swing-store-results-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'results.jsonl');
  const line = (name, status, version = '1') => `${JSON.stringify({ name, version, status, ran: {}, ms: 1 })}\n`;
  writeFileSync(file, [line('a', 'survived'), line('b', 'killed'), line('c', 'killed', '2'), '{"name":"d"'].join(''));
  const statusOf = (name, letters = new Map()) => openResults(file, letters).of({ name, version: '1' })?.status;
  t.deepEqual(
    ['a', 'b', 'c', 'd'].map(name => statusOf(name)),
    ['survived', 'killed', undefined, undefined],
  );
  const letters = new Map(Object.entries({ a: 'c', b: 'S', c: 'S', d: 'p' }));
  t.deepEqual(
    ['a', 'b', 'c', 'd'].map(name => statusOf(name, letters)),
    ['killed', 'killed', 'survived', undefined],
  );
});

test('the tests of a mutant: the most promising first, within the budget, and none twice', t => {
  const testOf = (name, cpu, reaches = true) => ({
    name,
    version: '1',
    ms: cpu,
    cpu,
    shareOf: () => 1,
    reaches: () => reaches,
  });
  const tests = [testOf('slow', 5000), testOf('quick', 100), testOf('elsewhere', 1, false), testOf('medium', 1000)];
  const plan = (options = {}) =>
    planFor({ file: 'x.js' }, tests, { record: makeRecord(), ran: {}, budget: 2000, ...options }).map(
      ({ name }) => name,
    );
  t.deepEqual(plan(), ['quick', 'medium']);
  t.deepEqual(plan({ budget: 1 }), ['quick']);
  t.deepEqual(plan({ budget: Infinity }), ['quick', 'medium', 'slow']);
  t.deepEqual(plan({ ran: { quick: '1', medium: '0' } }), ['medium']);
  const record = makeRecord();
  for (let i = 0; i < 20; i += 1) {
    record.add('x.js', 'medium', true);
    record.add('x.js', 'quick', false);
  }
  t.deepEqual(plan({ record }), ['medium', 'quick']);
});

test('a test file passes, fails or hangs in a worker of ava', async t => {
  const tree = temporaryDirectory(t, 'run-test');
  symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'), 'junction');
  const outcomeOf = async (body, limit = 120_000) => {
    writeFileSync(path.join(tree, 'one.test.mjs'), `import test from 'ava';\n${body}\n`);
    return runTest(tree, 'one.test.mjs', { env: process.env, limit });
  };
  const passing = await outcomeOf(`test('a', t => t.pass()); test('b', t => t.is(1n, 1n));`);
  t.like(passing, { outcome: 'passed', why: '' });
  const failing = await outcomeOf(`test('a', t => t.pass()); test('b', t => t.is(1n, 2n));`);
  t.is(failing.outcome, 'failed');
  t.regex(failing.why, /^b\nDifference.*1n.*2n/s);
  const throwing = await outcomeOf(`test('a', () => { throw { code: 'strange' }; });`);
  t.is(throwing.outcome, 'failed');
  t.regex(throwing.why, /^a\n.*strange/s);
  const ending = await outcomeOf(`test('a', () => process.exit(0));`);
  t.is(ending.outcome, 'failed');
  const hanging = await outcomeOf(`test('a', () => new Promise(() => setInterval(() => {}, 1000)));`, 2_000);
  t.is(hanging.outcome, 'timeout');
});
