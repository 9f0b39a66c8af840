'use strict';

const native = require('../addon/native.js');
const { harden } = require('./harden.js');

/**
 * A SHA-256 in progress, as hexadecimal digits.
 *
 * @param {string | Uint8Array} [initial]
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
