'use strict';

const path = require('node:path');

const { modeArguments } = require('./artifact-mode.js');
const { check, checkPath, checkPositive, followTaming, quote } = require('./errors.js');
const { harden } = require('./harden.js');
const { checkJobOptions, runJob } = require('./job.js');
const native = require('./native.js');

/**
 * Deletes the contents of what is historical from a store.
 *
 * @param {string} dirPath
 * @param {Record<string, any>} options
 */
const pruneSwingStore = async (dirPath, options) => {
  checkPath('dirPath', dirPath);
  check(
    typeof options === 'object' && options !== null && options.keep !== undefined,
    'keep must say what is to stay: an artifact mode, or { transcripts, snapshots }',
  );
  followTaming();
  const { keep, budget, limit, dryRun = false } = options;
  const { transcripts, snapshots } =
    typeof keep === 'object' && keep !== null ? keep : { transcripts: keep, snapshots: keep };
  checkPositive('budget', budget);
  checkPositive('limit', limit);
  checkJobOptions(options);
  const job = native.makePruning(
    path.resolve(dirPath),
    ...modeArguments(transcripts),
    ...modeArguments(snapshots),
    budget,
    limit,
    !!dryRun,
  );
  return harden(await runJob(job, options, () => job.run()));
};

/**
 * Makes a store's file smaller.
 *
 * @param {string} dirPath
 * @param {Record<string, any>} options
 */
const reclaimSwingStoreSpace = async (dirPath, options) => {
  checkPath('dirPath', dirPath);
  check(typeof options === 'object' && options !== null, 'options must be an object with a method');
  followTaming();
  const { method, dryRun = false } = options;
  check(
    method === 'rewrite' || method === 'incremental' || (method === undefined && dryRun),
    `invalid method ${quote(method)}: there are "rewrite" and "incremental"`,
  );
  checkJobOptions(options);
  const job = native.makeReclaiming(path.resolve(dirPath), dryRun ? undefined : method);
  return harden(await runJob(job, options, () => job.run()));
};

module.exports = { pruneSwingStore, reclaimSwingStoreSpace };
