// The suggested option for an unknown name, and the quotation of values in messages.
import test from 'ava';
import fc from 'fast-check';

import { internal } from '../support/common/internals.mjs';
import { runsFor, seed } from '../support/common/settings.mjs';

const { WORK, aBoolean, aFunction, aHeight, aMode, aPosition, aString, anything, takeNothingElse, takeOptions } =
  internal('options.js');
const { check, checkPath, checkPositive, checkString, quote, refuse } = internal('errors.js');

/** What is suggested for a name, of these options. */
const suggestionFor = (name, names) => {
  try {
    takeOptions('it', { [name]: 1 }, Object.fromEntries(names.map(known => [known, () => {}])));
  } catch (error) {
    return /Did you mean "(.*)"\?/.exec(error.message)?.[1];
  }
  return 'it is one';
};

/** The number of letters to add, remove, replace or swap (none of them twice), found without a table. */
const distance = (from, to) => {
  if (from === '' || to === '') return from.length + to.length;
  const [a, b] = [from.slice(1), to.slice(1)];
  if (from[0] === to[0]) return distance(a, b);
  const found = [distance(a, to), distance(from, b), distance(a, b)];
  if (from.length > 1 && to.length > 1 && from[0] === to[1] && from[1] === to[0]) {
    found.push(distance(from.slice(2), to.slice(2)));
  }
  return 1 + Math.min(...found);
};

test('only a similar name is suggested', t => {
  const letters = fc.constantFrom('a', 'b', 'c');
  const word = max => fc.string({ unit: letters, minLength: 1, maxLength: max });
  let suggested = 0;
  fc.assert(
    fc.property(word(7), word(7), (name, known) => {
      if (name === known) return;
      const isNear = distance(name, known) <= Math.max(1, Math.floor(known.length / 3));
      const isEnd = name.length >= 3 && known.endsWith(name);
      if (isNear || isEnd) suggested += 1;
      t.is(suggestionFor(name, [known]), isNear || isEnd ? known : undefined, `${name} for ${known}`);
    }),
    { seed, numRuns: runsFor(3000) },
  );
  t.true(suggested > 20);
});

test('the most similar name is suggested', t => {
  t.is(suggestionFor('aaaaab', ['aaabbb', 'aaaaaa', 'bbbbbb']), 'aaaaaa');
  t.is(suggestionFor('aaaaab', ['aaaaaa', 'aaabbb']), 'aaaaaa');
  // Capitals, hyphens, underscores and spaces make no difference, and come first.
  for (const name of ['dry-run', 'dry_run', 'DRYRUN', 'dry run', 'Dry--Run']) {
    t.is(suggestionFor(name, ['dryRuns', 'dryRun']), 'dryRun', name);
  }
  // What other programs call it.
  t.is(suggestionFor('from', ['start', 'end']), 'start');
  t.is(suggestionFor('to', ['start', 'end']), 'end');
  t.is(suggestionFor('progress', ['onProgress', 'signal']), 'onProgress');
  t.is(suggestionFor('abort', ['onProgress', 'signal']), 'signal');
  t.is(suggestionFor('abortSignal', ['onProgress', 'signal']), 'signal');
  t.is(suggestionFor('to', ['onProgress']), undefined);
  t.is(suggestionFor('toString', ['start', 'end']), undefined);
  // The end of a name, unless it is too short to say anything.
  t.is(suggestionFor('mode', ['keep', 'artifactMode']), 'artifactMode');
  t.is(suggestionFor('ode', ['artifactMode']), 'artifactMode');
  t.is(suggestionFor('de', ['artifactMode']), undefined);
  t.is(suggestionFor('-', ['a']), undefined);
  t.is(suggestionFor('', ['a']), undefined);
  // Names of any length.
  t.is(suggestionFor('x'.repeat(40), ['x'.repeat(41)]), 'x'.repeat(41));
  t.is(suggestionFor('x'.repeat(41), ['x'.repeat(40)]), undefined);
});

test('each option is read once, and undefined ones are ignored', t => {
  let reads = 0;
  const options = {
    get a() {
      reads += 1;
      return 'value';
    },
    b: undefined,
  };
  const checked = [];
  const known = { a: (name, value) => checked.push(name, value), b: () => t.fail() };
  t.deepEqual(takeOptions('it', options, known), { a: 'value' });
  t.is(reads, 1);
  t.deepEqual(checked, ['a', 'value']);
  t.deepEqual(takeOptions('it', undefined, known), {});
  t.deepEqual(takeOptions('it', Object.create(null), known), {});
  const code = 'ERR_SWING_STORE_ARGUMENT';
  for (const wrong of [null, 7, 'a', [], new (class Options {})(), () => {}, Object.create({ a: 1 })]) {
    const refused = t.throws(() => takeOptions('it', wrong, known, TypeError), { instanceOf: TypeError, code });
    t.regex(refused.message, /plain object.*\{ a: .*a, b/);
  }
  t.regex(t.throws(() => takeOptions('it', { c: 1 }, {})).message, /it has no option "c"\. It has no/);
  t.regex(t.throws(() => takeOptions('it', 7, {})).message, /\{ : /);
  t.regex(
    t.throws(() => takeOptions('it', { [Symbol('a')]: 1 }, known)).message,
    /no option Symbol\(a\)\. The options are a, b$/,
  );
  t.throws(() => takeOptions('it', { wrong: 1 }, known, RangeError), { instanceOf: RangeError, code });
  t.notThrows(() => takeNothingElse('it', []));
  t.notThrows(() => takeNothingElse('it', [undefined, undefined]));
  t.throws(() => takeNothingElse('it', [undefined, 1]), { code });
});

test('values of options', t => {
  const accepts = (checkValue, value) => {
    try {
      checkValue('name', value);
      return true;
    } catch (error) {
      t.is(error.code, 'ERR_SWING_STORE_ARGUMENT');
      t.true(error.message.startsWith('name must be '), error.message);
      return false;
    }
  };
  const numbers = [0, 1, 7, -1, 1.5, Number.NaN, Infinity, 2 ** 53, 2 ** 53 - 1, '1', null, true, {}];
  const accepted = checkValue => numbers.filter(value => accepts(checkValue, value));
  t.deepEqual(accepted(aPosition), [0, 1, 7, -1, 2 ** 53 - 1]);
  t.deepEqual(accepted(aHeight), [0, 1, 7, 2 ** 53 - 1]);
  t.deepEqual(accepted(checkPositive), [1, 7, 2 ** 53 - 1]);
  t.true(accepts(checkPositive, undefined));
  t.false(accepts(aHeight, undefined));
  t.deepEqual(
    ['a', '', 7, undefined, null].filter(value => accepts(checkString, value)),
    ['a', ''],
  );
  t.deepEqual(
    ['a', '', 7, undefined, null].filter(value => accepts(checkPath, value)),
    ['a'],
  );
  const others = ['', 'text', 'debug', 0, 1, true, false, null, undefined, () => {}, {}, [], 7n];
  t.deepEqual(
    others.filter(value => accepts(aBoolean, value)),
    [true, false],
  );
  t.deepEqual(
    others.filter(value => accepts(aString, value)),
    ['', 'text', 'debug'],
  );
  t.deepEqual(others.filter(value => accepts(aFunction, value)).length, 1);
  t.true(others.every(value => accepts(anything, value)));
  for (const mode of ['operational', 'replay', 'archival', 'debug']) t.notThrows(() => aMode('name', mode));
  for (const wrong of ['', 'text', 7, undefined]) t.throws(() => aMode('name', wrong));
  t.true(accepts(WORK.signal, new AbortController().signal));
  t.false(accepts(WORK.signal, { aborted: false }));
  t.true(accepts(WORK.onProgress, () => {}));
  t.false(accepts(WORK.onProgress, {}));
});

test('values in messages', t => {
  const shown = [
    undefined,
    'text',
    '[text',
    'te[xt',
    '',
    7,
    null,
    [1],
    { a: 1 },
    7n,
    Symbol('a'),
    function f() {},
    () => {},
  ].map(quote);
  t.deepEqual(shown, [
    '"[undefined]"',
    '"text"',
    '"[[text]"',
    '"te[xt"',
    '""',
    '7',
    'null',
    '[1]',
    '{"a":1}',
    '"[7n]"',
    '"[Symbol(a)]"',
    '"[Function f]"',
    '"[Function <anon>]"',
  ]);
  const cycle = {};
  cycle.cycle = cycle;
  t.is(quote(cycle), '"[object]"');
  const error = t.throws(() => refuse('no'), { message: 'no', code: 'ERR_SWING_STORE_ARGUMENT' });
  t.deepEqual(Object.getOwnPropertyDescriptor(error, 'code'), {
    value: 'ERR_SWING_STORE_ARGUMENT',
    writable: true,
    configurable: true,
    enumerable: true,
  });
  t.throws(() => check(0, 'no'), { message: 'no' });
  t.notThrows(() => check('yes', 'no'));
});
