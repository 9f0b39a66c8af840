'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { dbFileInDirectory } = require('../common/paths.js');
const { databaseOver } = require('../store/database.js');

/**
 * Makes a database in a hidden directory for the store at `storePath`. Publishing it replaces the store, which must not be
 * open anywhere.
 *
 * @param {string} storePath
 * @param {{ asFile?: boolean, readonly?: boolean }} options
 * @param {boolean} mayCloseIt whether this process may have the old store open now, provided that it closes the store
 *   before publishing: the exporter may belong to that store
 * @returns {Promise<import('../store/swing-store.js').Staging & { staged: any }>} `staged` is the addon's object
 */
const makeStaging = async (storePath, { asFile = false, readonly = false }, mayCloseIt) => {
  const resolved = path.resolve(storePath);
  await native.clearStaging(resolved, JSON.stringify({ asFile: !!asFile, unusedEntirely: !mayCloseIt }));
  const staged = native.makeStaging(resolved, JSON.stringify({ asFile: !!asFile, readonly: !!readonly }));
  const filePath = asFile ? storePath : dbFileInDirectory(storePath);
  /** @type {Promise<void> | undefined} */
  let publishing;
  return {
    staged,
    filePath,
    db: databaseOver(staged.database(), filePath, !!readonly),
    currentFile: staged.currentFile,
    relax: staged.relax,

    /** Moves the committed database to its path. Later calls do nothing, unless the first one failed. */
    async publish(unsafeFastMode) {
      publishing ||= staged.publish(unsafeFastMode);
      try {
        await publishing;
      } catch (error) {
        publishing = undefined;
        throw error;
      }
    },
    /** Deletes the database unless it was published or is being published. */
    async discard() {
      await Promise.allSettled([publishing]);
      await staged.discard();
    },
  };
};

module.exports = { makeStaging };
