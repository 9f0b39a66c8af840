'use strict';

const path = require('node:path');

const { modeArguments } = require('./artifact-mode.js');
const { check, checkPositive, checkString, followTaming } = require('./errors.js');
const { harden } = require('./harden.js');
const { checkJobOptions, runJob } = require('./job.js');
const native = require('./native.js');

/**
 * Looks through a whole store for what is damaged or missing.
 *
 * @param {string} dirPath
 * @param {Record<string, any>} [options]
 */
const verifySwingStore = async (dirPath, options = {}) => {
  checkString('dirPath', dirPath);
  checkJobOptions(options);
  followTaming();
  const { artifactMode = 'operational', integrityCheck = true, findingsPerKind = 1000 } = options;
  check(typeof integrityCheck === 'boolean', 'integrityCheck must be a boolean');
  checkPositive('findingsPerKind', findingsPerKind);
  const job = native.makeVerification(
    path.resolve(dirPath),
    ...modeArguments(artifactMode),
    integrityCheck,
    findingsPerKind,
  );
  return harden(await runJob(job, options, job.run));
};

module.exports = { verifySwingStore };
