// The iterator over records and items behaves like an async generator for every order of calls, but answers at once while
// its batch has elements.
import test from 'ava';
import fc from 'fast-check';

import { internal } from '../support/common/internals.mjs';
import { runsFor, seed } from '../support/common/settings.mjs';

const { makeBatchIterator } = internal('batch-iterator.js');

/** Batches that arrive a turn late or fail, with a log of `close`. */
const makeSource = batches => {
  const left = [...batches];
  const source = {
    fetched: 0,
    closed: 0,
    isOpen: true,
    checkOpen() {
      if (!source.isOpen) throw Error('closed by its owner');
    },
    async nextBatch() {
      source.fetched += 1;
      await null;
      const [batch] = left.splice(0, 1);
      if (batch === 'fails') throw Error('a batch failed');
      if (batch === undefined) return undefined;
      const elements = [...batch];
      return () => elements.shift();
    },
    close: () => (source.closed += 1),
  };
  return source;
};

const ours = source => makeBatchIterator(source.nextBatch, source.checkOpen, source.close);

const asGenerator = async function* (source) {
  try {
    for (;;) {
      source.checkOpen();
      const cut = await source.nextBatch();
      source.checkOpen();
      if (!cut) return;
      for (let element = cut(); element !== undefined; element = cut()) {
        yield element;
        source.checkOpen();
      }
    }
  } finally {
    source.close();
  }
};

/** The outcomes of an iterator's calls. Some calls are made before earlier ones have settled. */
const outcomes = async (make, batches, calls) => {
  const source = makeSource(batches);
  const iterator = make(source);
  const answers = [];
  const settled = [];
  const take = (promise, at) =>
    promise.then(
      ({ value, done }) => {
        settled.push(at);
        return { value, done };
      },
      error => {
        settled.push(at);
        return `${error}`;
      },
    );
  // A generator that has not started has nothing to close.
  answers.push(take(iterator.next(), -1));
  for (const [at, [call, waits]] of calls.entries()) {
    if (call === 'close') {
      await Promise.all(answers);
      source.isOpen = false;
    } else {
      answers.push(
        take(iterator[call](call === 'throw' ? Error('thrown') : call === 'return' ? 'given' : undefined), at),
      );
    }
    if (waits) await Promise.all(answers);
  }
  const values = await Promise.all(answers);
  return { values, settled, fetched: source.fetched, closed: source.closed > 0 };
};

test('it behaves like an async generator', async t => {
  const batch = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 3 });
  const batches = fc.array(fc.oneof({ weight: 8, arbitrary: batch }, { weight: 1, arbitrary: fc.constant('fails') }), {
    maxLength: 4,
  });
  const call = fc.oneof(
    { weight: 12, arbitrary: fc.constant('next') },
    { weight: 1, arbitrary: fc.constant('return') },
    { weight: 1, arbitrary: fc.constant('throw') },
    { weight: 1, arbitrary: fc.constant('close') },
  );
  const calls = fc.array(fc.tuple(call, fc.boolean()), { maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(batches, calls, async (some, called) => {
      t.deepEqual(await outcomes(ours, some, called), await outcomes(asGenerator, some, called));
    }),
    { seed, numRuns: runsFor(2000) },
  );
});

test('while a batch has elements, calls settle within one turn', async t => {
  const source = makeSource([[1, 2, 3], [4]]);
  const iterator = ours(source);
  t.is(iterator[Symbol.asyncIterator](), iterator);
  await iterator.next();
  // Later calls do not wait for settled ones.
  await null;
  await null;
  let answered;
  iterator.next().then(({ value }) => (answered = value));
  await null;
  t.is(answered, 2);
  iterator.next().then(({ value }) => (answered = value));
  await null;
  t.is(answered, 3);
  t.is(source.fetched, 1);
  t.is((await iterator.next()).value, 4);
  t.true((await iterator.next()).done);
  t.is(source.closed, 1);
});

test('after its end it fetches nothing', async t => {
  for (const end of ['return', 'throw']) {
    const source = makeSource([[1, 2, 3]]);
    const iterator = ours(source);
    t.is((await iterator.next()).value, 1);
    if (end === 'return') t.deepEqual(await iterator.return(Promise.resolve('given')), { value: 'given', done: true });
    else await t.throwsAsync(iterator.throw(Error('thrown')), { message: 'thrown' });
    t.is(source.closed, 1);
    source.checkOpen = () => t.fail();
    t.deepEqual(await iterator.next(), { value: undefined, done: true });
    t.is(source.fetched, 1);
  }
  // After its owner was closed, it fails once and is then done.
  const source = makeSource([[1, 2, 3]]);
  const iterator = ours(source);
  await iterator.next();
  source.isOpen = false;
  await t.throwsAsync(iterator.next(), { message: 'closed by its owner' });
  t.is(source.closed, 1);
  t.deepEqual(await iterator.next(), { value: undefined, done: true });
});
