// Streams from callers to the addon, and from the addon to callers: reading ahead, waiting, and closing after a failure. The
// test's own sinks and sources can be slow or faulty.
import test from 'ava';
import { setImmediate as turn } from 'node:timers/promises';

import { internal } from '../support/common/internals.mjs';

const { buffer, chunks, drain, elements, items } = internal('streams.js');
const { CLOSED } = internal('cache-signal.js');

/** A promise with functions that settle it. */
const makeGate = () => {
  const gate = {};
  gate.promise = new Promise((resolve, reject) => Object.assign(gate, { open: resolve, fail: reject }));
  return gate;
};

/**
 * A sink that logs its calls. `full` decides whether `add` of a chunk requests a flush; `flush` runs during a flush; `room` is
 * how many chunks fit in before the sink's turn.
 */
const makeSink = (log, { full = () => true, flush = async () => {}, room = 0 } = {}) => ({
  hasRoom: () => log.filter(entry => entry.startsWith('add')).length < room,
  add(chunk) {
    log.push(`add ${chunk}`);
    return full(chunk);
  },
  async flush() {
    log.push('flush');
    await flush();
    log.push('flushed');
  },
  async finish() {
    await turn();
    log.push('finish');
  },
  async abandon() {
    log.push('abandon');
    await turn();
    log.push('abandoned');
  },
});

/** An iterator over chunks that logs its calls. */
const makeStream = (log, parts, { ends = async () => {} } = {}) => {
  const left = [...parts];
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const [part] = left.splice(0, 1);
        if (part instanceof Error) throw part;
        return part === undefined ? { value: undefined, done: true } : { value: part, done: false };
      },
      return() {
        log.push('return');
        return ends();
      },
    }),
  };
};

/** Makes a function that fails the test if a rejection was unhandled. */
const noteUnhandled = t => {
  const unhandled = [];
  const note = reason => unhandled.push(`${reason}`);
  process.on('unhandledRejection', note);
  t.teardown(() => process.off('unhandledRejection', note));
  return async () => {
    await turn();
    await turn();
    t.deepEqual(unhandled, []);
  };
};

test.serial('drain: reads one chunk ahead of the sink', async t => {
  const log = [];
  const gates = [makeGate(), makeGate(), makeGate()];
  let flushes = 0;
  const flush = () => {
    flushes += 1;
    return gates[flushes - 1].promise;
  };
  const work = drain(makeStream(log, ['a', 'b', 'c']), makeSink(log, { flush }), () => log.push('read'));
  await turn();
  t.deepEqual(log, ['add a', 'flush', 'add b']);
  gates[0].open();
  await turn();
  t.deepEqual(log.splice(0), ['add a', 'flush', 'add b', 'flushed', 'flush', 'add c']);
  gates[1].open();
  await turn();
  // `whenRead` is called at the end of the stream, before the last flush; the sink is finished after it.
  t.deepEqual(log.splice(0), ['flushed', 'flush', 'return', 'read']);
  gates[2].open();
  await work;
  t.deepEqual(log, ['flushed', 'finish']);
});

test.serial('drain: flushes when the sink asks for it', async t => {
  const log = [];
  await drain(makeStream(log, ['a', 'b', 'c']), makeSink(log, { full: chunk => chunk === 'b' }));
  t.deepEqual(log, ['add a', 'add b', 'flush', 'flushed', 'add c', 'return', 'finish']);
});

test.serial('drain: a sink that fails', async t => {
  const check = noteUnhandled(t);
  const log = [];
  const gate = makeGate();
  const stream = (async function* () {
    try {
      yield 'a';
      await gate.promise;
      yield 'b';
      yield 'c';
    } finally {
      log.push('left');
    }
  })();
  const flush = async () => {
    throw Error('the disk is full');
  };
  const work = drain(stream, makeSink(log, { flush }), () => log.push('read'));
  await check();
  // The failed flush is not awaited yet.
  t.deepEqual(log, ['add a', 'flush']);
  gate.open();
  await t.throwsAsync(work, { message: 'the disk is full' });
  t.deepEqual(log, ['add a', 'flush', 'add b', 'left', 'abandon', 'abandoned']);
  await check();
});

test.serial('drain: a stream that fails', async t => {
  const check = noteUnhandled(t);
  const log = [];
  const gate = makeGate();
  // The stream's `return` never settles.
  const stream = makeStream(log, ['a', Error('lost')], { ends: () => new Promise(() => {}) });
  const work = drain(stream, makeSink(log, { flush: () => gate.promise }), () => log.push('read'));
  const failed = t.throwsAsync(work, { message: 'lost' });
  await turn();
  t.deepEqual(log, ['add a', 'flush', 'return']);
  gate.open();
  await failed;
  // The flush is awaited and the sink abandoned before the failure is reported.
  t.deepEqual(log, ['add a', 'flush', 'return', 'flushed', 'abandon', 'abandoned']);

  // Failures of `return` and of the flush are ignored after the stream has failed.
  const ends = async () => {
    throw Error('and lost again');
  };
  const flushAlso = async () => {
    await turn();
    throw Error('the disk is full');
  };
  const again = drain(makeStream([], ['a', Error('lost')], { ends }), makeSink([], { flush: flushAlso }));
  await t.throwsAsync(again, { message: 'lost' });
  await check();
});

test.serial('drain: the sink waits for its turn', async t => {
  const check = noteUnhandled(t);
  for (const { full, room, begun } of [
    { full: () => true, room: 0, begun: ['add a'] },
    { full: () => true, room: 2, begun: ['add a', 'add b'] },
    { full: () => true, room: 4, begun: ['add a', 'add b', 'add c', 'return', 'read'] },
    { full: () => false, room: 0, begun: ['add a', 'add b', 'add c', 'return', 'read'] },
  ]) {
    const log = [];
    const gate = makeGate();
    const stream = makeStream(log, ['a', 'b', 'c']);
    const work = drain(stream, makeSink(log, { full, room }), () => log.push('read'), gate.promise);
    await check();
    t.deepEqual(log, begun);
    gate.open();
    await work;
    t.deepEqual(
      log.filter(entry => /^(add|return|read|finish)/.test(entry)),
      ['add a', 'add b', 'add c', 'return', 'read', 'finish'],
    );

    const failing = makeGate();
    log.length = 0;
    const again = makeStream(log, ['a', 'b', 'c']);
    const failed = t.throwsAsync(drain(again, makeSink(log, { full, room }), undefined, failing.promise), {
      message: 'the one before failed',
    });
    await check();
    failing.fail(Error('the one before failed'));
    await failed;
    t.deepEqual(log.slice(-2), ['abandon', 'abandoned']);
    t.false(log.includes('flush') || log.includes('finish'));
    await check();
  }
});

test.serial('drain: once its turn has come, the sink is flushed although it has room', async t => {
  const log = [];
  const [gate, more] = [makeGate(), makeGate()];
  const stream = (async function* () {
    yield 'a';
    await more.promise;
    yield 'b';
  })();
  const work = drain(stream, makeSink(log, { room: 9 }), undefined, gate.promise);
  await turn();
  t.deepEqual(log, ['add a']);
  gate.open();
  await turn();
  more.open();
  await work;
  t.deepEqual(log, ['add a', 'add b', 'flush', 'flushed', 'finish']);
});

test.serial('drain: a stream that never answers does not hide that the turn failed', async t => {
  const check = noteUnhandled(t);
  const log = [];
  const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
  const failing = makeGate();
  const work = drain(silent, makeSink(log), undefined, failing.promise);
  failing.fail(Error('the one before failed'));
  await t.throwsAsync(work, { message: 'the one before failed' });
  t.deepEqual(log, ['abandon', 'abandoned']);
  await check();
});

test.serial('drain: everything that Readable.from accepts', async t => {
  const take = async stream => {
    const log = [];
    await drain(stream, makeSink(log, { full: () => false }));
    return log;
  };
  t.deepEqual(await take('text'), ['add text', 'finish']);
  t.deepEqual(await take(new Uint8Array([1, 2])), ['add 1,2', 'finish']);
  t.deepEqual(await take(['a', Promise.resolve('b')]), ['add a', 'add b', 'finish']);
  const both = {
    [Symbol.iterator]: () => ['sync'][Symbol.iterator](),
    async *[Symbol.asyncIterator]() {
      yield 'async';
    },
  };
  t.deepEqual(await take(both), ['add async', 'finish']);
  const counting = { [Symbol.iterator]: (...args) => [`${args.length} arguments`][Symbol.iterator]() };
  t.deepEqual(await take(counting), ['add 0 arguments', 'finish']);
  const log = [];
  for (const wrong of [{}, 7, true]) {
    await t.throwsAsync(drain(wrong, makeSink(log)), {
      instanceOf: TypeError,
      message: 'a stream must be an iterable or async iterable of Uint8Arrays',
    });
  }
  t.deepEqual(
    log.filter(line => line === 'abandoned'),
    ['abandoned', 'abandoned', 'abandoned'],
  );
});

/** A native source of these chunks, which logs its calls. */
const makeSource = (log, parts) => {
  const left = [...parts];
  return {
    async next() {
      const [part] = left.splice(0, 1);
      log.push(`next ${part}`);
      if (part instanceof Error) throw part;
      return part;
    },
    close: () => log.push('close'),
  };
};

test.serial('chunks: reads one chunk ahead, and closes the source', async t => {
  const check = noteUnhandled(t);
  const log = [];
  const reader = chunks(makeSource(log, ['a', 'b']));
  t.deepEqual(log, []);
  t.deepEqual(await reader.next(), { value: 'a', done: false });
  t.deepEqual(log, ['next a', 'next b']);
  t.deepEqual(await reader.next(), { value: 'b', done: false });
  t.deepEqual(await reader.next(), { value: undefined, done: true });
  t.deepEqual(log, ['next a', 'next b', 'next undefined', 'close']);

  // A consumer that stops early.
  log.length = 0;
  for await (const chunk of chunks(makeSource(log, ['a', Error('lost')]))) {
    t.is(chunk, 'a');
    await check();
    break;
  }
  t.deepEqual(log, ['next a', 'next Error: lost', 'close']);

  // A failure of the chunk read ahead is reported after the chunks before it.
  const failing = chunks(makeSource(log, ['a', Error('lost')]));
  t.is((await failing.next()).value, 'a');
  await t.throwsAsync(failing.next(), { message: 'lost' });
  t.is(log.at(-1), 'close');
});

test.serial('chunks: yields nothing after the owner was closed', async t => {
  let isOpen = true;
  const checkOpen = () => {
    if (!isOpen) throw Error('closed');
  };
  const log = [];
  const between = chunks(makeSource(log, ['a', 'b']), checkOpen);
  await between.next();
  isOpen = false;
  await t.throwsAsync(between.next(), { message: 'closed' });
  t.deepEqual(log, ['next a', 'next b', 'close']);

  isOpen = true;
  const meanwhile = chunks(makeSource(log, ['a']), checkOpen);
  const pending = meanwhile.next();
  isOpen = false;
  await t.throwsAsync(pending, { message: 'closed' });
  t.is(log.at(-1), 'close');
});

test.serial('elements and items: yield batch by batch, and close the reader', t => {
  const makeReader = batches => {
    const left = [...batches];
    const reader = {
      calls: 0,
      closed: 0,
      next(make) {
        reader.calls += 1;
        const [batch] = left.splice(0, 1);
        return batch && (make ? make(...batch) : batch);
      },
      close: () => (reader.closed += 1),
    };
    return reader;
  };
  const batches = [['a', 'b'], [], ['c']];
  t.deepEqual([...elements(makeReader(batches))], ['a', 'b', 'c']);

  const open = new Int32Array(3);
  const whole = makeReader(batches);
  t.deepEqual([...items(whole, open)], ['a', 'b', 'c']);
  t.deepEqual([whole.calls, whole.closed], [4, 1]);

  const left = makeReader(batches);
  for (const item of items(left, open)) {
    t.is(item, 'a');
    break;
  }
  t.deepEqual([left.calls, left.closed], [1, 1]);

  // Once the database is closed, the addon is called although the batch has items left.
  const signal = new Int32Array(3);
  const closed = makeReader(batches);
  const reading = items(closed, signal);
  t.is(reading.next().value, 'a');
  signal[CLOSED] = 1;
  closed.next = () => {
    throw Error('closed');
  };
  t.throws(() => reading.next(), { message: 'closed' });
  t.is(closed.closed, 1);
});

test.serial('buffer: reads a whole stream, or stops after the limit', async t => {
  let read = 0;
  const parts = async function* (...sizes) {
    for (const size of sizes) {
      read += 1;
      yield Buffer.alloc(size, `${read}`);
    }
  };
  const lengthOf = async (most, ...sizes) => {
    read = 0;
    const { length } = await buffer(parts(...sizes), most);
    return [length, read];
  };
  t.is(`${await buffer(parts(2, 0, 1))}`, '113');
  t.deepEqual(await lengthOf(undefined, 5, 5, 5), [15, 3]);
  t.deepEqual(await lengthOf(10, 5, 5, 5, 5), [15, 3]);
  t.deepEqual(await lengthOf(9, 5, 5, 5, 5), [10, 2]);
  t.deepEqual(await lengthOf(0, 0, 0, 1, 1), [1, 3]);
});

/** A sink that can also read from a source. */
const makeFillingSink = log => ({
  ...makeSink(log),
  async fill(source) {
    const part = await source.next();
    log.push(`fill ${part}`);
    return part === undefined ? undefined : true;
  },
});

test.serial('drain: a sink reads an untouched stream of the addon directly from its source', async t => {
  const log = [];
  const stream = chunks(makeSource(log, ['a', 'b']));
  await drain(stream, makeFillingSink(log), () => log.push('read'));
  const fills = ['next a', 'fill a', 'flush', 'next b', 'fill b', 'flush', 'next undefined', 'fill undefined'];
  t.deepEqual(
    log.filter(entry => entry !== 'flushed'),
    [...fills, 'close', 'read', 'finish'],
  );
  t.deepEqual(await stream.next(), { value: undefined, done: true });
});

test.serial('drain: a stream of the addon that was read or changed keeps its own chunks', async t => {
  const read = chunks(makeSource([], ['a', 'b']));
  await read.next();
  const changed = chunks(makeSource([], ['a']));
  changed.next = async () => ({ value: undefined, done: true });
  const log = [];
  await drain(read, makeFillingSink(log));
  await drain(changed, makeFillingSink(log));
  t.deepEqual(
    log.filter(entry => entry !== 'flushed'),
    ['add b', 'flush', 'finish', 'finish'],
  );
});

test.serial('drain: a source that fails, or a store that closes meanwhile', async t => {
  const check = noteUnhandled(t);
  const log = [];
  const failing = chunks(makeSource(log, [Error('lost')]));
  await t.throwsAsync(drain(failing, makeFillingSink(log)), { message: 'lost' });
  t.deepEqual(log.splice(0), ['next Error: lost', 'close', 'abandon', 'abandoned']);
  const checkOpen = () => {
    throw Error('it is closed');
  };
  await t.throwsAsync(drain(chunks(makeSource(log, ['a']), checkOpen), makeFillingSink(log)), {
    message: 'it is closed',
  });
  t.deepEqual(log, ['next a', 'fill a', 'close', 'abandon', 'abandoned']);
  await check();
});
