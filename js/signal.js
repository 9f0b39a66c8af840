'use strict';

const signals = new WeakMap();

/**
 * What the addon says of a database without being asked, as numbers in memory that both sides see:
 * the first changes when copies of its values are void, the second is 1 while nobody but its store
 * can change one, the third is 1 once the database is closed, and the fourth is 1 while others'
 * commits show in what the handle's `watchOthers` returned.
 *
 * All who ask get the same array: there must not be two over the same memory.
 *
 * @param {any} handle the addon's handle of the database
 * @returns {Int32Array}
 */
const signalOf = handle => {
  let signal = signals.get(handle);
  if (!signal) {
    signal = new Int32Array(handle.signal());
    signals.set(handle, signal);
  }
  return signal;
};

module.exports = { signalOf };
