'use strict';

const nodeFs = require('node:fs');
const nodePath = require('node:path');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { createGzip } = require('node:zlib');

/** Node's own functions, as they were before anyone could replace them. */
const { createWriteStream, mkdirSync, renameSync } = nodeFs;
const { join, resolve, sep } = nodePath;

const TMP_FILE = ['', 'tmp', 'lib', 'tmp.js'].join(sep);

/** Whether this is `fileSync` of the package `tmp`, of any version. It is loaded as CommonJS, also by `import`. */
const isFileSyncOfTmp = fileSync =>
  typeof fileSync === 'function' &&
  Object.entries(require.cache).some(
    ([file, module]) => file.endsWith(TMP_FILE) && module?.exports?.fileSync === fileSync,
  );

/** Whether these powers do what everyone knows they do, so that it makes no difference who does it. */
const areUsual = ({ fs, path, tmp }) =>
  fs.createWriteStream === createWriteStream &&
  fs.mkdirSync === mkdirSync &&
  fs.renameSync === renameSync &&
  path.join === join &&
  isFileSyncOfTmp(tmp.fileSync);

/**
 * Of archivers whose files the addon may write in their place: what they archive, and where.
 *
 * @type {WeakMap<Function, { kind: 'snapshot' | 'transcript', dirPath: string }>}
 */
const usual = new WeakMap();

/**
 * The directory of an archiver that was made here with the usual powers; `undefined` for everyone else's callback, which
 * has to be called.
 *
 * @param {Function | undefined} archiver
 * @param {'snapshot' | 'transcript'} kind
 */
const directoryOf = (archiver, kind) => {
  const found = archiver && usual.get(archiver);
  return found && found.kind === kind ? resolve(found.dirPath) : undefined;
};

/**
 * Makes a callback that writes `NAME.gz` in a directory. It writes under a temporary name and
 * renames, so that a file of that name is always whole.
 *
 * A store of this package that is given the callback has the addon write the file, if the powers are the usual ones.
 * Other stores, and other powers, get what the callback does.
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
      await pipeline(Readable.from(data), ...encoders(), writer);
      fs.renameSync(file.name, path.join(dirPath, `${name}.gz`));
    } finally {
      // Renamed, there is nothing left to remove, which is no error.
      file.removeCallback();
    }
  };
  if (typeof dirPath === 'string' && areUsual(powers)) usual.set(archive, { kind, dirPath });
  return archive;
};

/** An `archiveSnapshot` callback that writes snapshots, which are gzip files already. */
const makeArchiveSnapshot = (dirPath, powers) => makeArchiver('snapshot', dirPath, powers, () => []);

/** An `archiveTranscript` callback that compresses spans. */
const makeArchiveTranscript = (dirPath, powers) => makeArchiver('transcript', dirPath, powers, () => [createGzip()]);

module.exports = { directoryOf, makeArchiveSnapshot, makeArchiveTranscript };
