'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { check } = require('./errors.js');

/** The database file of the store in a directory. */
const dbFileInDirectory = dirPath => path.resolve(dirPath, 'swingstore.sqlite');

/**
 * Whether a directory holds a store.
 *
 * @param {string} dirPath
 * @returns {boolean}
 */
const isSwingStore = dirPath => {
  check(typeof dirPath === 'string', 'dirPath must be a string');
  return fs.existsSync(dbFileInDirectory(dirPath));
};

module.exports = { dbFileInDirectory, isSwingStore };
