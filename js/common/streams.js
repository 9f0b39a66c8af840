'use strict';

const { CLOSED } = require('../addon/cache-signal.js');

/**
 * An iterator over what `Readable.from` would take: an iterable of chunks, or one chunk.
 *
 * @param {AsyncIterable<Uint8Array> | Iterable<Uint8Array> | Uint8Array | string} stream
 */
const iteratorOver = stream => {
  const source = typeof stream === 'string' || stream instanceof Uint8Array ? [stream] : stream;
  const makeIterator = source[Symbol.asyncIterator] || source[Symbol.iterator];
  if (typeof makeIterator !== 'function') {
    throw new TypeError('a stream must be an iterable or async iterable of Uint8Arrays');
  }
  return Reflect.apply(makeIterator, source, []);
};

/**
 * Hands every chunk of a caller's stream to a native sink, which works them off on another
 * thread. While it does, the next chunks are read; but no faster than they are worked off.
 *
 * The iterator's `return` is called at the end, too, as `Readable.from` does: the kernel's
 * snapshot stream is one half of a tee, whose other half waits for that.
 *
 * If the stream fails, what the sink has stored is taken back before the error goes on.
 *
 * @param {Parameters<typeof iteratorOver>[0]} stream
 * @param {any} sink
 * @param {() => void} [whenRead]  called when the stream was read to its end
 */
const drain = async (stream, sink, whenRead) => {
  let iterator;
  let flushing;
  try {
    iterator = iteratorOver(stream);
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) break;
      if (sink.add(await value)) {
        await flushing;
        flushing = sink.flush();
        // It is awaited later; until then its failure is not unhandled.
        flushing.catch(() => {});
      }
    }
    await iterator.return?.();
    whenRead?.();
    await flushing;
    await sink.finish();
  } catch (error) {
    // Not awaited: a stream that has failed need not answer.
    Promise.resolve(iterator)
      .then(failed => failed?.return?.())
      .catch(() => {});
    await Promise.allSettled([flushing]);
    await sink.abandon();
    throw error;
  }
};

/**
 * Yields what a native source reads on another thread, one chunk ahead of the consumer, and lets
 * go of it when the consumer stops early.
 *
 * @param {any} source
 * @param {() => void} [checkOpen] throws when there must be no further chunk
 */
async function* chunks(source, checkOpen = () => {}) {
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

/** How the addon makes arrays of many values. */
const arrayOf = (...values) => values;

/**
 * The elements of the batches that a native reader returns.
 *
 * @param {any} reader
 */
function* elements(reader) {
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
    yield* batch;
  }
}

/**
 * The elements of the batches that a native reader returns, as long as its database is open. A loop that is left early
 * ends the reader, which otherwise keeps a read transaction until it is collected.
 *
 * @param {any} reader
 * @param {Int32Array} cacheSignal see `addon/cache-signal.js`
 */
function* items(reader, cacheSignal) {
  try {
    for (let batch = reader.next(arrayOf); batch !== undefined; batch = reader.next(arrayOf)) {
      // Not by the array's iterator, which is slow where lockdown has replaced its parts.
      for (let i = 0; i < batch.length; i += 1) {
        // Then there is nothing more to be had, and the addon says so.
        if (cacheSignal[CLOSED] === 1) reader.next(arrayOf);
        yield batch[i];
      }
    }
  } finally {
    reader.close();
  }
}

module.exports = { buffer, chunks, drain, elements, items };
