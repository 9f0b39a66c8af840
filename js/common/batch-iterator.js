'use strict';

/** A batch without elements. */
const nothing = () => undefined;

/**
 * An async iterator over the elements of the batches that `nextBatch` promises.
 *
 * It behaves as an async generator with the same elements does, but while there are elements
 * left of a batch it answers at once: a generator takes three turns of the queue for each.
 *
 * @template T
 * @param {() => Promise<(() => T | undefined) | undefined>} nextBatch  promises a function that
 *   returns the next element of a batch; `undefined` at the end
 * @param {() => void} checkOpen  throws when there must be no further element
 * @param {() => void} close  lets go of what the batches come from; may be called twice
 * @returns {AsyncIterableIterator<T>}
 */
const makeBatchIterator = (nextBatch, checkOpen, close) => {
  /** @type {() => T | undefined} */
  let nextOfBatch = nothing;
  let isDone = false;
  // Calls that have yet to be answered: they are, in the order in which they were made.
  let queue = Promise.resolve();
  let waiting = 0;

  const finish = () => {
    isDone = true;
    nextOfBatch = nothing;
    close();
  };

  /** The next element, from a new batch if need be. */
  const advance = async () => {
    try {
      for (;;) {
        if (isDone) return { value: undefined, done: true };
        checkOpen();
        const value = nextOfBatch();
        if (value !== undefined) return { value, done: false };
        const fetched = await nextBatch();
        checkOpen();
        if (fetched === undefined) finish();
        else nextOfBatch = fetched;
      }
    } catch (error) {
      finish();
      throw error;
    }
  };

  const enqueue = act => {
    waiting += 1;
    const answer = queue.then(act);
    const answered = () => {
      waiting -= 1;
    };
    queue = answer.then(answered, answered);
    return answer;
  };

  return {
    next() {
      if (waiting > 0 || isDone) return enqueue(advance);
      try {
        checkOpen();
        const value = nextOfBatch();
        return value === undefined ? enqueue(advance) : Promise.resolve({ value, done: false });
      } catch (error) {
        finish();
        return Promise.reject(error);
      }
    },
    return: value =>
      enqueue(async () => {
        finish();
        return { value: await value, done: true };
      }),
    throw: error =>
      enqueue(async () => {
        finish();
        throw error;
      }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};

module.exports = { makeBatchIterator };
