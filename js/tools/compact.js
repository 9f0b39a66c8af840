'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { checkPath, followTaming } = require('../common/errors.js');
const { runReportingJob } = require('../common/job.js');
const { WORK, aBoolean, aPositive, aString, takeOptions } = require('../common/options.js');

const COMPACT = { vatID: aString, limit: aPositive, dryRun: aBoolean, ...WORK };

/** Runs a job that `make` creates. */
const run = async (name, make, dirPath, options) => {
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions(name, options, COMPACT);
  const { vatID, limit, dryRun } = taken;
  return runReportingJob(make(path.resolve(dirPath), JSON.stringify({ vatID, limit, dryRun })), taken);
};

/**
 * Compresses the items of historical spans in a store.
 *
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} [options]
 */
const compactSwingStore = async (dirPath, options) => run('compactSwingStore', native.makeCompacting, dirPath, options);

/**
 * Turns the compressed items of historical spans back into rows.
 *
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} [options]
 */
const expandSwingStore = async (dirPath, options) => run('expandSwingStore', native.makeExpanding, dirPath, options);

module.exports = { compactSwingStore, expandSwingStore };
