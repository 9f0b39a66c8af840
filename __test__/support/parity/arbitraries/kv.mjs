// Generates steps for the key-value store and cranks. Keys come from a small pool, so that steps meet each other's keys.
import fc from 'fast-check';
import { kept } from '../../common/lone-surrogates.mjs';
import { one, sequence } from './config.mjs';
import { megabyte, notText, plainText, wildText } from './text.mjs';

const usualKeys = [
  'kernelStats',
  'v1.c.o+1',
  'v1.c.o+10',
  'v1.c.o+2',
  'v1.vs.',
  'v2.nextID',
  'v10.nextID',
  'activityhash',
  'local.a',
  'local.b.c',
  'host.a',
  'host.height',
];

// Keys that are neighbours in only one of two orders, prefixes of each other, or names with a meaning in JavaScript.
const oddKeys = [
  '',
  ' ',
  '\0',
  'a',
  'a\0',
  'a\0b',
  'a\0c',
  'aa',
  'local.',
  'local',
  'host.',
  'host',
  'kv.a',
  '1',
  '10',
  '2',
  '__proto__',
  'constructor',
  'toString',
  'e\u0301',
  'é',
  '\ue000',
  '\uffff',
  '\u{10000}',
  '\u{1f600}',
  '\u{1f600}\u{1f600}',
  '\ud800',
  '\ud801',
  '\udc00',
  '\udc00\ud800',
  '\ud800a',
  'a\ud83d',
  '\ude00\u{1f600}',
  '\ufffd',
  '\ufffd\ufffd\ufffd',
].map(kept);

export const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...usualKeys) },
  { weight: 4, arbitrary: fc.constantFrom(...oddKeys) },
  { weight: 1, arbitrary: wildText },
  { weight: 1, arbitrary: fc.constant({ repeat: ['long.', 500] }) },
);

const value = fc.oneof(
  { weight: 5, arbitrary: plainText },
  { weight: 3, arbitrary: wildText },
  { weight: 1, arbitrary: fc.constant({ repeat: ['va', 5_000] }) },
);

const facet = fc.constantFrom('kernel', 'kernel', 'kernel', 'host');
// The internal store accepts any key and records no exports.
const reader = fc.constantFrom('kernel', 'kernel', 'host', 'internal');
const writer = fc.oneof({ weight: 8, arbitrary: facet }, { weight: 1, arbitrary: fc.constant('internal') });

const set = fc.tuple(fc.constant('set'), writer, key, value);
const remove = fc.tuple(fc.constant('delete'), writer, key);

export const kvStep = fc.oneof(
  { weight: 8, arbitrary: set },
  { weight: 4, arbitrary: remove },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('get', 'has'), reader, key) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('getNextKey'), reader, key) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant('walk'), facet, key, fc.integer({ min: 1, max: 50 }), fc.boolean()),
  },
);

const wrongKvStep = fc.oneof(
  fc.tuple(fc.constantFrom('get', 'has', 'getNextKey', 'delete'), facet, fc.oneof(notText, key)),
  fc.tuple(fc.constant('set'), facet, fc.oneof(notText, key), notText),
  fc.tuple(fc.constant('set'), facet, notText, value),
);

const hugeStep = fc.tuple(fc.constant('set'), facet, key, megabyte);

const savepointName = fc.constantFrom('start', 'start', 'deliver', 'é"', '', 't0');

export const crankStep = fc.oneof(
  { weight: 2, arbitrary: fc.constant(['startCrank']) },
  { weight: 2, arbitrary: fc.constant(['endCrank']) },
  { weight: 2, arbitrary: fc.constant(['emitCrankHashes']) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('savepoint'), savepointName) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('rollbackCrank'), savepointName) },
  { weight: 1, arbitrary: fc.constant(['getActivityhash']) },
);

export const lookStep = fc.constantFrom(
  ['commit'],
  ['commit'],
  ['reopen'],
  ['look'],
  ['glance'],
  ['export', 'debug'],
  ['diskUsage'],
);

const control = fc.constantFrom('BEGIN', 'BEGIN IMMEDIATE', 'COMMIT', 'ROLLBACK');

// A tool's savepoints end with its step: the reference leaves savepoints of its own when it rolls a crank back, and finds
// these after a tool's rollback has undone newer ones.
const savepoint = fc.tuple(
  fc.constant('sqlSavepoint'),
  fc.array(fc.tuple(key, fc.option(value)), { maxLength: 3 }),
  fc.boolean(),
);

/** SQL of tools, over the store's connection and over another one. */
export const sqlStep = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant('sqlExec'), control) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('sqlRun'), control) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('sqlGet', 'sqlDelete'), key) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('sqlSet'), key, value) },
  { weight: 1, arbitrary: fc.constant(['sqlPending']) },
  { weight: 2, arbitrary: savepoint },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('otherGet', 'otherDelete'), key) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('otherSet'), key, value) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('watch'), key) },
);

/**
 * A crank as a kernel runs it: savepoints, work, sometimes a rollback, more work, hashes, the end.
 */
export const crankOf = work => {
  const some = fc.array(work, { maxLength: 5 });
  const inner = fc
    .tuple(savepointName, some, fc.boolean(), some)
    .map(([name, before, back, after]) => [
      ['savepoint', name],
      ...before,
      ...(back ? [['rollbackCrank', name]] : []),
      ...after,
    ]);
  return fc
    .tuple(fc.array(inner, { maxLength: 3 }), some, fc.option(savepointName), fc.boolean(), fc.boolean())
    .map(([inners, last, back, hashes, commit]) => [
      ['startCrank'],
      ...inners.flat(),
      ...last,
      ...(back === null ? [] : [['rollbackCrank', back]]),
      ...(hashes ? [['emitCrankHashes']] : []),
      ['endCrank'],
      ...(commit ? [['commit']] : []),
    ]);
};

export const kvSteps = options =>
  sequence(
    [
      { weight: 6, arbitrary: one(kvStep) },
      { weight: 4, arbitrary: crankOf(kvStep) },
      { weight: 2, arbitrary: one(crankStep) },
      { weight: 2, arbitrary: one(sqlStep) },
      { weight: 1, arbitrary: crankOf(fc.oneof(kvStep, kvStep, sqlStep)) },
      { weight: 1, arbitrary: one(wrongKvStep) },
      { weight: 2, arbitrary: one(lookStep) },
    ],
    options,
  );

/** Few long values that exceed a page, a buffer or a cache. */
export const hugeKvSteps = options =>
  sequence(
    [
      { weight: 3, arbitrary: one(kvStep) },
      { weight: 2, arbitrary: one(hugeStep) },
      { weight: 1, arbitrary: crankOf(fc.oneof(kvStep, hugeStep)) },
      { weight: 1, arbitrary: one(lookStep) },
    ],
    options,
  );
