'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { dbFileInDirectory } = require('../common/paths.js');
const { databaseOver } = require('../store/database.js');

/**
 * A new database for the store at `storePath`, which lies out of sight until it is published.
 *
 * Nobody may have the store open that it replaces.
 *
 * @param {string} storePath
 * @param {{ asFile?: boolean, readonly?: boolean }} options
 * @param {boolean} mayCloseIt  whether this process may still have it open, if it closes it before it is published: what
 *   is imported may be an export of that store
 */
const makeStaging = async (storePath, { asFile = false, readonly = false }, mayCloseIt) => {
  const resolved = path.resolve(storePath);
  await native.clearStaging(resolved, !!asFile, !mayCloseIt);
  const staged = native.makeStaging(resolved, !!asFile, !!readonly);
  const filePath = asFile ? storePath : dbFileInDirectory(storePath);
  /** @type {Promise<void> | undefined} */
  let publishing;
  return {
    staged,
    filePath,
    db: databaseOver(staged.database(), filePath, !!readonly),
    currentFile: staged.currentFile,
    relax: staged.relax,

    /** Moves what was committed into place, the first time; after a failure, again. */
    async publish(unsafeFastMode) {
      publishing ||= staged.publish(unsafeFastMode);
      try {
        await publishing;
      } catch (error) {
        publishing = undefined;
        throw error;
      }
    },
    /** Does away with it, unless it was published, or is about to be. */
    async discard() {
      await Promise.allSettled([publishing]);
      await staged.discard();
    },
  };
};

module.exports = { makeStaging };
