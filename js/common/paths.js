'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { checkString } = require('./errors.js');

/** The path of the database file of the store in a directory. */
const dbFileInDirectory = dirPath => path.resolve(dirPath, 'swingstore.sqlite');

/**
 * Whether a directory contains a store.
 *
 * @param {string} dirPath
 * @returns {boolean}
 */
const isSwingStore = dirPath => {
  checkString('dirPath', dirPath);
  return fs.existsSync(dbFileInDirectory(dirPath));
};

module.exports = { dbFileInDirectory, isSwingStore };
