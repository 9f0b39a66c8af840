'use strict';

const { CLOSED } = require('../addon/cache-signal.js');

/**
 * Makes an iterator over anything that `Readable.from` accepts: an iterable of chunks, or one chunk.
 *
 * @param {AsyncIterable<Uint8Array> | Iterable<Uint8Array> | Uint8Array | string} stream
 * @throws a TypeError for anything else
 */
const iteratorOver = stream => {
  const source = typeof stream === 'string' || stream instanceof Uint8Array ? [stream] : stream;
  const makeIterator = source[Symbol.asyncIterator] || source[Symbol.iterator];
  if (typeof makeIterator !== 'function') {
    throw new TypeError('a stream must be an iterable or async iterable of Uint8Arrays');
  }
  return Reflect.apply(makeIterator, source, []);
};

/** The native source of each stream that `chunks` has made, and whether the stream has been read from. */
const origins = new WeakMap();

/** The origin of a stream that nobody has read from or changed; otherwise `undefined`. */
const unreadOrigin = stream => {
  const origin = origins.get(stream);
  return origin && !origin.isRead && Reflect.ownKeys(stream).length === 0 ? origin : undefined;
};

/**
 * Makes a reader that passes a stream's chunks to a native sink, one for each call of `feed`. `feed` resolves to whether to
 * flush the sink, or to `undefined` at the end. `close` ends the stream.
 *
 * @param {Parameters<typeof iteratorOver>[0]} stream
 * @param {any} sink
 */
const makeFeeder = (stream, sink) => {
  const iterator = iteratorOver(stream);
  const origin = unreadOrigin(stream);
  if (origin) {
    // The chunks stay outside of V8, which frees large buffers late.
    const { source, checkOpen } = origin;
    return {
      async feed() {
        const isEnough = await sink.fill(source);
        checkOpen();
        return isEnough;
      },
      close() {
        source.close();
        return iterator.return();
      },
    };
  }
  return {
    async feed() {
      const { value, done } = await iterator.next();
      return done ? undefined : sink.add(await value);
    },
    close: () => iterator.return?.(),
  };
};

/**
 * Passes every chunk of a caller's stream to a native sink, which processes them on another thread. Reads the next chunks
 * meanwhile, but no faster than the sink processes them. The sink processes nothing before `turn` is fulfilled, and has room
 * for a limited number of bytes until then; if `turn` fails, this fails with its error.
 *
 * Calls the iterator's `return` at the end, too, as `Readable.from` does: the kernel's snapshot stream is one half of a
 * tee, whose other half waits for that call.
 *
 * If the stream fails, removes what the sink has stored before it throws the error.
 *
 * @param {Parameters<typeof iteratorOver>[0]} stream
 * @param {any} sink
 * @param {() => void} [whenRead] called once the stream was read to its end
 * @param {Promise<void>} [turn]
 */
const drain = async (stream, sink, whenRead, turn) => {
  let feeder;
  let flushing;
  let isWaiting = turn !== undefined;
  turn?.then(
    () => (isWaiting = false),
    // Thrown below.
    () => {},
  );
  try {
    feeder = makeFeeder(stream, sink);
    for (;;) {
      const fed = feeder.feed();
      // The stream may never answer after `turn` has failed.
      const isEnough = await (isWaiting ? Promise.race([fed, turn.then(() => fed)]) : fed);
      if (isEnough === undefined) break;
      if (isEnough && !(isWaiting && sink.hasRoom())) {
        await turn;
        await flushing;
        flushing = sink.flush();
        // Awaited later; this prevents an unhandled rejection until then.
        flushing.catch(() => {});
      }
    }
    await feeder.close();
    whenRead?.();
    await turn;
    await flushing;
    await sink.finish();
  } catch (error) {
    // Not awaited: a failed stream may never answer.
    Promise.resolve(feeder)
      .then(failed => failed?.close())
      .catch(() => {});
    await Promise.allSettled([flushing]);
    await sink.abandon();
    throw error;
  }
};

async function* generateChunks(origin) {
  const { source, checkOpen } = origin;
  origin.isRead = true;
  try {
    let ahead = source.next();
    for (;;) {
      const chunk = await ahead;
      checkOpen();
      if (chunk === undefined) return;
      ahead = source.next();
      ahead.catch(() => {});
      yield chunk;
      checkOpen();
    }
  } finally {
    source.close();
  }
}

/**
 * Makes an async generator of the chunks that a native source reads on another thread, one chunk ahead of the consumer. It
 * closes the source at the end, and when the consumer stops early.
 *
 * @param {any} source
 * @param {() => void} [checkOpen] throws if no further chunk may be yielded
 */
const chunks = (source, checkOpen = () => {}) => {
  const origin = { source, checkOpen, isRead: false };
  const stream = generateChunks(origin);
  origins.set(stream, origin);
  return stream;
};

/**
 * Collects a stream's chunks into one buffer. Stops reading once it has more than `most` bytes; what it returns is then
 * longer than `most`.
 *
 * @param {AsyncIterable<Uint8Array> | Iterable<Uint8Array>} stream
 * @param {number} [most] in bytes; without it, reads to the end
 */
const buffer = async (stream, most = Infinity) => {
  const parts = [];
  let length = 0;
  for await (const part of stream) {
    parts.push(part);
    length += part.length;
    if (length > most) break;
  }
  return Buffer.concat(parts);
};

/** Makes an array of its arguments: the addon calls it to build large arrays. */
const arrayOf = (...values) => values;

/**
 * Yields the elements of the batches that a native reader returns.
 *
 * @param {any} reader
 */
function* elements(reader) {
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
    yield* batch;
  }
}

/**
 * Yields the elements of the batches that a native reader returns while its database is open. Closes the reader when the
 * consumer stops early; otherwise the reader would hold its read transaction until it is garbage-collected.
 *
 * @param {any} reader
 * @param {Int32Array} cacheSignal see `addon/cache-signal.js`
 */
function* items(reader, cacheSignal) {
  try {
    for (let batch = reader.next(arrayOf); batch !== undefined; batch = reader.next(arrayOf)) {
      // Not the array's iterator, which is slow after lockdown has replaced its parts.
      for (let i = 0; i < batch.length; i += 1) {
        // Makes the addon throw its error about the closed database.
        if (cacheSignal[CLOSED] === 1) reader.next(arrayOf);
        yield batch[i];
      }
    }
  } finally {
    reader.close();
  }
}

module.exports = { buffer, chunks, drain, elements, items };
