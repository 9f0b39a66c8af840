'use strict';

const { dbFileInDirectory } = require('./paths.js');

/**
 * All of a stream's chunks as one buffer; or, of a stream with more than `most` bytes, some more than that.
 *
 * @param {AsyncIterable<Uint8Array> | Iterable<Uint8Array>} stream
 * @param {number} most
 */
const buffer = async (stream, most) => {
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > most) break;
  }
  return Buffer.concat(chunks);
};

module.exports = { buffer, dbFileInDirectory };
