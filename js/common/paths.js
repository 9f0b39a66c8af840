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

/** Whether a text is a URL, by its scheme. A single letter is a drive of Windows. */
const isUrl = text => /^[a-z][a-z\d+.-]+:\/\//i.test(text);

/** The absolute path of a directory, or a URL as it is, which the addon checks. */
const resolvePlace = place => (isUrl(place) ? place : path.resolve(place));

module.exports = { dbFileInDirectory, isSwingStore, resolvePlace };
