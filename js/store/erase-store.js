'use strict';

const fs = require('node:fs');
const process = require('node:process');

const { check } = require('../common/errors.js');
const { dbFileInDirectory } = require('../common/paths.js');

/** The suffixes that SQLite adds to a database file's name. */
const SIDECARS = ['-journal', '-wal', '-shm'];

const isUnix = process.platform !== 'win32';

/** The status of a path, without following links; `undefined` if it does not exist or can't be read. */
const statusOf = at => {
  try {
    return fs.lstatSync(at, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
};

/**
 * Erases what is at a store's path.
 *
 * @param {string} storePath
 * @param {boolean} asFile whether `storePath` is the database file instead of the store's directory
 * @returns {{ directory?: fs.Stats, file?: fs.Stats }} the status of what was erased, for `recreateStorePath`
 */
const eraseStore = (storePath, asFile) => {
  const file = asFile ? storePath : dbFileInDirectory(storePath);
  if (asFile) {
    // Checked before the store is erased: SQLite would refuse such a sidecar afterwards.
    for (const sidecar of SIDECARS.map(suffix => `${file}${suffix}`)) {
      const found = statusOf(sidecar);
      check(!found || found.isFile(), `opening ${sidecar}: it is not a regular file`);
    }
  }
  const place = statusOf(storePath);
  const directory = !asFile && place?.isDirectory() ? place : undefined;
  const found = asFile ? place : directory && statusOf(file);
  // The file before its log: a file without its log may be damaged, but a log without its file is ignored.
  if (directory && found) fs.rmSync(file, { recursive: true, force: true });
  fs.rmSync(storePath, { recursive: true, force: true });
  return { directory, file: found?.isFile() ? found : undefined };
};

/** Restores an owner, a group and permissions as far as this user may, and grants nobody more than the old permissions. */
const restoreOwnership = (fd, { uid, gid, mode }, mask) => {
  const found = fs.fstatSync(fd);
  let allowed = mode & mask;
  if (found.gid !== gid) {
    try {
      fs.fchownSync(fd, -1, gid);
    } catch {
      allowed &= ~0o070;
    }
  }
  fs.fchmodSync(fd, allowed);
  if (found.uid !== uid) {
    try {
      fs.fchownSync(fd, uid, -1);
    } catch {
      // Only root may change the owner.
    }
  }
};

const withOpened = (at, flags, act) => {
  const fd = fs.openSync(at, flags, 0o600);
  try {
    act(fd);
  } finally {
    fs.closeSync(fd);
  }
};

/**
 * Recreates a store's directory, and an empty database file, with the ownership and permissions of the erased ones, so
 * that users who could not read the old store can't read the new one.
 *
 * @param {string} storePath
 * @param {boolean} asFile
 * @param {{ directory?: fs.Stats, file?: fs.Stats }} old what `eraseStore` returned
 */
const recreateStorePath = (storePath, asFile, { directory, file }) => {
  if (!asFile) fs.mkdirSync(storePath, { recursive: true, mode: directory && isUnix ? 0o700 : undefined });
  if (!isUnix) return;
  // SQLite treats an empty file as a new database, and gives its sidecars the permissions of the database.
  const dbFile = asFile ? storePath : dbFileInDirectory(storePath);
  if (file) withOpened(dbFile, 'wx', fd => restoreOwnership(fd, file, 0o777));
  if (directory) withOpened(storePath, 'r', fd => restoreOwnership(fd, directory, 0o7777));
};

module.exports = { eraseStore, recreateStorePath };
