'use strict';

const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { createGzip } = require('node:zlib');

/**
 * Makes a callback that writes `NAME.gz` in a directory. It writes under a temporary name and
 * renames, so that a file of that name is always whole.
 *
 * @param {string} dirPath
 * @param {{ fs: any, path: any, tmp: any }} powers
 * @param {() => import('node:stream').Transform[]} encoders
 */
const makeArchiver = (dirPath, { fs, path, tmp }, encoders) => {
  fs.mkdirSync(dirPath, { recursive: true });
  return async (name, data) => {
    const file = tmp.fileSync({
      tmpdir: dirPath,
      prefix: name,
      postfix: '.gz.tmp',
      detachDescriptor: true,
    });
    try {
      // `flush` makes the contents durable before the name.
      const writer = fs.createWriteStream('', { fd: file.fd, flush: true });
      await pipeline(Readable.from(data), ...encoders(), writer);
      fs.renameSync(file.name, path.join(dirPath, `${name}.gz`));
    } finally {
      // Renamed, there is nothing left to remove, which is no error.
      file.removeCallback();
    }
  };
};

/** An `archiveSnapshot` callback that writes snapshots, which are gzip files already. */
const makeArchiveSnapshot = (dirPath, powers) => makeArchiver(dirPath, powers, () => []);

/** An `archiveTranscript` callback that compresses spans. */
const makeArchiveTranscript = (dirPath, powers) =>
  makeArchiver(dirPath, powers, () => [createGzip()]);

module.exports = { makeArchiveSnapshot, makeArchiveTranscript };
