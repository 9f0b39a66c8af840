'use strict';

const crypto = require('node:crypto');
const nodeFs = require('node:fs');
const nodePath = require('node:path');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { createGzip } = require('node:zlib');

/**
 * Powers that ask for the addon: a store of this package that is given an archiver with this very object has the addon
 * write its files. Everyone else who calls such an archiver gets what these functions of Node.js do.
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
 * Of archivers whose files the addon writes in their place: what they archive, and where.
 *
 * @type {WeakMap<Function, { kind: 'snapshot' | 'transcript', dirPath: string }>}
 */
const natives = new WeakMap();

/**
 * The directory of an archiver that was made here with `nativeArchivePowers`; `undefined` for every other callback, which
 * has to be called.
 *
 * @param {Function | undefined} archiver
 * @param {'snapshot' | 'transcript'} kind
 */
const directoryOf = (archiver, kind) => {
  const found = archiver && natives.get(archiver);
  return found && found.kind === kind ? nodePath.resolve(found.dirPath) : undefined;
};

/** How many bytes of small pieces are compressed at a time: each time takes a turn of another thread. */
const BATCH_BYTES = 1 << 16;

/** The same bytes in fewer pieces. What is not bytes is passed on as it is, for the stream to refuse. */
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
 * Makes a callback that writes `NAME.gz` in a directory. It writes under a temporary name and
 * renames, so that a file of that name is always whole.
 *
 * The powers are used as they are given. Only if they are `nativeArchivePowers` does a store of this package have the
 * addon write the file instead of calling the callback.
 *
 * @param {'snapshot' | 'transcript'} kind
 * @param {string} dirPath
 * @param {{ fs: any, path: any, tmp: any }} powers
 * @param {() => import('node:stream').Transform[]} encoders
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
      // `flush` makes the contents durable before the name.
      const writer = fs.createWriteStream('', { fd: file.fd, flush: true });
      await pipeline(Readable.from(isOnePiece(data) ? data : inBatches(data)), ...encoders(), writer);
      fs.renameSync(file.name, path.join(dirPath, `${name}.gz`));
    } finally {
      // Renamed, there is nothing left to remove, which is no error.
      file.removeCallback();
    }
  };
  if (typeof dirPath === 'string' && powers === nativeArchivePowers) natives.set(archive, { kind, dirPath });
  return archive;
};

/** An `archiveSnapshot` callback that writes snapshots, which are gzip files already. */
const makeArchiveSnapshot = (dirPath, powers) => makeArchiver('snapshot', dirPath, powers, () => []);

/** An `archiveTranscript` callback that compresses spans. */
const makeArchiveTranscript = (dirPath, powers) => makeArchiver('transcript', dirPath, powers, () => [createGzip()]);

module.exports = { directoryOf, makeArchiveSnapshot, makeArchiveTranscript, nativeArchivePowers };
