'use strict';

const native = require('../addon/native.js');
const { harden } = require('./harden.js');

/**
 * Starts a SHA-256 hash, whose results are hexadecimal digits.
 *
 * @param {string | Uint8Array} [initial] the first data to hash
 * @returns {{ add: (more: string | Uint8Array) => any, finish: () => string, sample: () => string }} `sample` returns the
 *   hash so far; `finish` also ends it
 */
const createSHA256 = initial => {
  const hasher = native.makeHasher();
  const self = harden({
    add(more) {
      hasher.add(more);
      return self;
    },
    finish: hasher.finish,
    sample: hasher.sample,
  });
  return initial ? self.add(initial) : self;
};

module.exports = { createSHA256 };
