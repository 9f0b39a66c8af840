'use strict';

const path = require('node:path');

const native = require('../addon/native.js');
const { modeArguments } = require('../common/artifact-mode.js');
const { checkString, followTaming } = require('../common/errors.js');
const { harden } = require('../common/harden.js');
const { runJob } = require('../common/job.js');
const { WORK, aBoolean, aMode, aPositive, takeOptions } = require('../common/options.js');

const OPTIONS = { artifactMode: aMode, integrityCheck: aBoolean, findingsPerKind: aPositive, ...WORK };

/**
 * Searches a store for damaged and missing data.
 *
 * @param {string} dirPath the store's directory
 * @param {Record<string, any>} [options]
 */
const verifySwingStore = async (dirPath, options) => {
  checkString('dirPath', dirPath);
  followTaming();
  const taken = takeOptions('verifySwingStore', options, OPTIONS);
  const { artifactMode = 'operational', integrityCheck = true, findingsPerKind = 1000 } = taken;
  const job = native.makeVerification(
    path.resolve(dirPath),
    ...modeArguments(artifactMode),
    integrityCheck,
    findingsPerKind,
  );
  return harden(await runJob(job, taken, job.run));
};

module.exports = { verifySwingStore };
