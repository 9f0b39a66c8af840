'use strict';

/** An empty batch. */
const nothing = () => undefined;

/**
 * Makes an async iterator over the elements of the batches that `nextBatch` fetches.
 *
 * It behaves like an async generator that yields the same elements, but answers at once while the current batch has
 * elements left: a generator takes three turns of the microtask queue for each element.
 *
 * @template T
 * @param {() => Promise<(() => T | undefined) | undefined>} nextBatch resolves to a function that returns the next
 *   element of a batch, and `undefined` after its last; resolves to `undefined` after the last batch
 * @param {() => void} checkOpen throws if the iterator must not yield another element
 * @param {() => void} close releases the source of the batches; may be called twice
 * @returns {AsyncIterableIterator<T>}
 */
const makeBatchIterator = (nextBatch, checkOpen, close) => {
  /** @type {() => T | undefined} */
  let nextOfBatch = nothing;
  let isDone = false;
  // Pending calls are answered in the order in which they were made.
  let queue = Promise.resolve();
  let waiting = 0;

  const finish = () => {
    isDone = true;
    nextOfBatch = nothing;
    close();
  };

  /** Takes the next element, fetching a batch if necessary. */
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
