'use strict';

const fs = require('node:fs');
const process = require('node:process');

const { check } = require('../common/errors.js');
const { dbFileInDirectory } = require('../common/paths.js');

/** What SQLite adds to the name of a database file. */
const SIDECARS = ['-journal', '-wal', '-shm'];

const isUnix = process.platform !== 'win32';

/** What is at a path, links not followed; `undefined` if nothing is, or if that can't be seen. */
const look = at => {
  try {
    return fs.lstatSync(at, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
};

/**
 * Erases what is at a store's path. Returns what was there, for `restoreRights`.
 *
 * @param {string} storePath
 * @param {boolean} asFile
 */
const eraseStore = (storePath, asFile) => {
  const file = asFile ? storePath : dbFileInDirectory(storePath);
  if (asFile) {
    // SQLite would refuse it once the store is gone.
    for (const beside of SIDECARS.map(suffix => `${file}${suffix}`)) {
      const found = look(beside);
      check(!found || found.isFile(), `opening ${beside}: it is not a regular file`);
    }
  }
  const place = look(storePath);
  const directory = !asFile && place?.isDirectory() ? place : undefined;
  const found = asFile ? place : directory && look(file);
  // The file before its log: without its log it may be damaged, and without the file nobody takes the log for anything.
  if (directory && found) fs.rmSync(file, { recursive: true, force: true });
  fs.rmSync(storePath, { recursive: true, force: true });
  return { directory, file: found?.isFile() ? found : undefined };
};

/** Gives what is at a path the owner and the permissions of what was there before, but nobody more than those allowed. */
const giveRights = (fd, { uid, gid, mode }, mask) => {
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
      // Only root may.
    }
  }
};

const atOpened = (at, flags, act) => {
  const fd = fs.openSync(at, flags, 0o600);
  try {
    act(fd);
  } finally {
    fs.closeSync(fd);
  }
};

/**
 * Makes the place of a store again after `eraseStore`, so that whoever could not read the old one can't read the new one.
 *
 * @param {string} storePath
 * @param {boolean} asFile
 * @param {{ directory?: fs.Stats, file?: fs.Stats }} old
 */
const recreateStorePath = (storePath, asFile, { directory, file }) => {
  if (!asFile) fs.mkdirSync(storePath, { recursive: true, mode: directory && isUnix ? 0o700 : undefined });
  if (!isUnix) return;
  // SQLite takes an empty file for a new database, and gives its own files the rights of the database.
  const dbFile = asFile ? storePath : dbFileInDirectory(storePath);
  if (file) atOpened(dbFile, 'wx', fd => giveRights(fd, file, 0o777));
  if (directory) atOpened(storePath, 'r', fd => giveRights(fd, directory, 0o7777));
};

module.exports = { eraseStore, recreateStorePath };
