'use strict';

const { dbFileInDirectory } = require('./paths.js');

/**
 * All of a stream's chunks as one buffer.
 *
 * @param {AsyncIterable<Uint8Array> | Iterable<Uint8Array>} stream
 */
const buffer = async stream => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

module.exports = { buffer, dbFileInDirectory };
