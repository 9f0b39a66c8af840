'use strict';

const crypto = require('node:crypto');
const nodeFs = require('node:fs');
const nodePath = require('node:path');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { createGzip } = require('node:zlib');

/**
 * Powers that select the addon: a store of this package whose archiver was made with this very object lets the addon write
 * the archive's files. Any other caller of such an archiver uses these functions of Node.js.
 */
const nativeArchivePowers = Object.freeze({
  fs: Object.freeze({
    createWriteStream: (file, options) => nodeFs.createWriteStream(file, options),
    mkdirSync: (dir, options) => nodeFs.mkdirSync(dir, options),
    renameSync: (from, to) => nodeFs.renameSync(from, to),
  }),
  path: Object.freeze({ join: (...parts) => nodePath.join(...parts) }),
  tmp: Object.freeze({
    fileSync({ tmpdir, prefix, postfix }) {
      const name = nodePath.join(tmpdir, `${prefix}-${process.pid}-${crypto.randomUUID()}${postfix}`);
      const fd = nodeFs.openSync(name, 'wx', 0o600);
      return { name, fd, removeCallback: () => nodeFs.rmSync(name, { force: true }) };
    },
  }),
});

/**
 * What is archived, and where, by the archivers whose files the addon writes.
 *
 * @type {WeakMap<Function, { kind: 'snapshot' | 'transcript', dirPath: string }>}
 */
const nativeArchivers = new WeakMap();

/**
 * The directory of an archiver that was made with `nativeArchivePowers`.
 *
 * @param {Function | undefined} archiver
 * @param {'snapshot' | 'transcript'} kind
 * @returns {string | undefined} `undefined` for every other callback, which must be called
 */
const directoryOf = (archiver, kind) => {
  const found = archiver && nativeArchivers.get(archiver);
  return found && found.kind === kind ? nodePath.resolve(found.dirPath) : undefined;
};

/** The number of bytes to collect before they are compressed: each compression takes a turn of another thread. */
const BATCH_BYTES = 1 << 16;

/** Joins small pieces. Passes on a piece that is not bytes, so that the stream refuses it. */
async function* inBatches(data) {
  let pieces = [];
  let size = 0;
  for await (const piece of data) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    const isBytes = bytes instanceof Uint8Array;
    if (isBytes) {
      pieces.push(bytes);
      size += bytes.length;
    }
    if (size > 0 && (size >= BATCH_BYTES || !isBytes)) {
      yield Buffer.concat(pieces);
      pieces = [];
      size = 0;
    }
    if (!isBytes) yield bytes;
  }
  if (size > 0) yield Buffer.concat(pieces);
}

const isOnePiece = data => typeof data === 'string' || data instanceof Uint8Array;

/**
 * Makes a callback that writes `NAME.gz` in a directory atomically: under a temporary name, which it then renames.
 *
 * The callback uses the given powers. With `nativeArchivePowers`, a store of this package lets the addon write the file
 * instead of calling the callback.
 *
 * @param {'snapshot' | 'transcript'} kind
 * @param {string} dirPath
 * @param {{ fs: any, path: any, tmp: any }} powers
 * @param {() => import('node:stream').Transform[]} encoders makes the streams that the data passes through
 */
const makeArchiver = (kind, dirPath, powers, encoders) => {
  const { fs, path, tmp } = powers;
  fs.mkdirSync(dirPath, { recursive: true });
  const archive = async (name, data) => {
    const file = tmp.fileSync({
      tmpdir: dirPath,
      prefix: name,
      postfix: '.gz.tmp',
      detachDescriptor: true,
    });
    try {
      // `flush` makes the contents durable before the rename.
      const writer = fs.createWriteStream('', { fd: file.fd, flush: true });
      await pipeline(Readable.from(isOnePiece(data) ? [data] : inBatches(data)), ...encoders(), writer);
      fs.renameSync(file.name, path.join(dirPath, `${name}.gz`));
    } finally {
      // After the rename the temporary file does not exist, which is not an error.
      file.removeCallback();
    }
  };
  if (typeof dirPath === 'string' && powers === nativeArchivePowers) nativeArchivers.set(archive, { kind, dirPath });
  return archive;
};

/** Makes an `archiveSnapshot` callback. Snapshots are gzip files already. */
const makeArchiveSnapshot = (dirPath, powers) => makeArchiver('snapshot', dirPath, powers, () => []);

/** Makes an `archiveTranscript` callback, which compresses spans. */
const makeArchiveTranscript = (dirPath, powers) => makeArchiver('transcript', dirPath, powers, () => [createGzip()]);

module.exports = { directoryOf, makeArchiveSnapshot, makeArchiveTranscript, nativeArchivePowers };
