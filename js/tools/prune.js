'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { validateArtifactMode } = require('../common/artifact-mode.js');
const { check, checkPath, followTaming, quote } = require('../common/errors.js');
const { runReportingJob } = require('../common/job.js');
const { WORK, aBoolean, aMode, aPositive, anything, takeOptions } = require('../common/options.js');
const { resolvePlace } = require('../common/paths.js');

const KEEP = { transcripts: aMode, snapshots: aMode };
const PRUNE = {
  keep: anything,
  archivedIn: checkPath,
  budget: aPositive,
  limit: aPositive,
  dryRun: aBoolean,
  ...WORK,
};
const RECLAIM = { method: anything, dryRun: aBoolean, ...WORK };

/** The two artifact modes that `keep` stands for. */
const modesOf = keep => {
  check(keep !== undefined, 'keep must say what to keep: an artifact mode, or { transcripts, snapshots }');
  if (typeof keep !== 'object' || keep === null) {
    validateArtifactMode(keep);
    return { transcripts: keep, snapshots: keep };
  }
  const { transcripts, snapshots } = takeOptions('keep', keep, KEEP);
  check(
    transcripts !== undefined && snapshots !== undefined,
    'keep must say what to keep of both: { transcripts, snapshots }. The mode "debug" keeps everything',
  );
  return { transcripts, snapshots };
};

/**
 * Deletes the contents of historical spans and snapshots from a store.
 *
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} options
 */
const pruneSwingStore = async (dirPath, options) => {
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('pruneSwingStore', options, PRUNE);
  const { keep, archivedIn, budget, limit, dryRun } = taken;
  const { transcripts, snapshots } = modesOf(keep);
  const jobOptions = { keepTranscripts: transcripts, keepSnapshots: snapshots, budget, limit, dryRun };
  const archive = archivedIn && resolvePlace(archivedIn);
  return runReportingJob(native.makePruning(path.resolve(dirPath), JSON.stringify(jobOptions), archive), taken);
};

/**
 * Returns unused space in a store's file to the file system.
 *
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} options
 */
const reclaimSwingStoreSpace = async (dirPath, options) => {
  checkPath('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('reclaimSwingStoreSpace', options, RECLAIM);
  const { method, dryRun = false } = taken;
  check(
    method === 'rewrite' || method === 'incremental' || (method === undefined && dryRun),
    `invalid method ${quote(method)}: use "rewrite" or "incremental"`,
  );
  // Without a method, the job only reports.
  const jobOptions = { method: dryRun ? undefined : method };
  return runReportingJob(native.makeReclaiming(path.resolve(dirPath), JSON.stringify(jobOptions)), taken);
};

module.exports = { pruneSwingStore, reclaimSwingStoreSpace };
