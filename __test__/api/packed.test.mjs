// Packing many strings for the addon, and unpacking them unchanged.
import test from 'ava';
import fc from 'fast-check';

import { internal } from '../support/common/internals.mjs';
import { runsFor, seed } from '../support/common/settings.mjs';

const { itemCutter, makePacker, pairCutter, unpackPairs } = internal('packed.js');
const { ownCopy } = internal('own-copy.js');

const NULL = 0xffffffff;
const ALONE = 0xfffffffe;

/** Packs strings as the addon does; those longer than `longest` separately. */
const pack = (strings, longest = 20) => {
  const isAlone = text => text !== null && text.length > longest;
  return [
    strings.filter(text => text !== null && !isAlone(text)).join(''),
    Uint32Array.from(strings, text => (text === null ? NULL : isAlone(text) ? ALONE : text.length)),
    strings.filter(isAlone),
  ];
};

const all = cut => {
  const found = [];
  for (let next = cut(); next !== undefined; next = cut()) found.push(next);
  return found;
};

const text = fc.oneof(fc.string(), fc.string({ minLength: 15, maxLength: 40 }), fc.constant(''));
const pair = fc.tuple(text, fc.option(text));

test('pairs are unpacked unchanged', t => {
  fc.assert(
    fc.property(fc.array(pair), fc.array(pair), (some, others) => {
      t.deepEqual(all(pairCutter(pack(some.flat()))), some);
      t.deepEqual(unpackPairs([pack(some.flat()), pack([]), pack(others.flat())]), [...some, ...others]);
    }),
    { seed, numRuns: runsFor(300) },
  );
});

test('items are unpacked with their positions', t => {
  const run = fc.tuple(fc.nat(5), fc.nat(1000), fc.array(fc.option(text), { maxLength: 5 }));
  fc.assert(
    fc.property(fc.array(run), runs => {
      const expected = runs.flatMap(([incarnation, start, items]) =>
        items.map((item, i) => ({ position: start + i, incarnation, item })),
      );
      const cut = itemCutter(runs.map(([incarnation, start, items]) => [incarnation, start, pack(items)]));
      const found = all(cut);
      t.deepEqual(found, expected);
      t.true(found.every(item => Object.isFrozen(item)));
      // Further calls return undefined, too.
      t.is(cut(), undefined);
    }),
    { seed, numRuns: runsFor(300) },
  );
});

test('a packer returns its size, and is empty after take', t => {
  const packer = makePacker();
  t.is(packer.add('key', 'value'), 9);
  t.is(packer.add('', null), 10);
  t.is(packer.add('other', null), 16);
  t.is(packer.add('', ''), 17);
  const lengths = bytes => [...new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)];
  const [packed, sizes] = packer.take();
  t.is(packed, 'keyvalueother');
  t.true(sizes instanceof Uint8Array);
  t.deepEqual(lengths(sizes), [3, 5, 0, NULL, 5, NULL, 0, 0]);
  t.is(packer.add('a', 'b'), 3);
  t.deepEqual(
    packer.take().map((part, i) => (i ? lengths(part) : part)),
    ['ab', [1, 1]],
  );
  t.deepEqual(packer.take(), ['', new Uint8Array()]);
});

test('a copy of a string is equal to it', t => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.nat(70), fc.nat(70), (whole, from, to) => {
      t.is(ownCopy(whole), whole);
      t.is(ownCopy(whole, from), whole.slice(from));
      t.is(ownCopy(whole, from, to), whole.slice(from, to));
    }),
    { seed, numRuns: runsFor(1000) },
  );
});
