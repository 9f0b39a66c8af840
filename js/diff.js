'use strict';

const path = require('node:path');

const { modeArguments } = require('./artifact-mode.js');
const { check, checkPositive, checkString, followTaming } = require('./errors.js');
const { harden } = require('./harden.js');
const { checkJobOptions, runJob } = require('./job.js');
const native = require('./native.js');

/**
 * Compares two stores, or exports of stores.
 *
 * @param {string} a
 * @param {string} b
 * @param {Record<string, any>} [options]
 */
const diffSwingStores = async (a, b, options = {}) => {
  checkString('a', a);
  checkString('b', b);
  checkJobOptions(options);
  followTaming();
  const { artifactMode, contents = false, localKeys = false, limit = 1000 } = options;
  check(typeof contents === 'boolean', 'contents must be a boolean');
  check(typeof localKeys === 'boolean', 'localKeys must be a boolean');
  checkPositive('limit', limit);
  const job = native.makeComparison(
    path.resolve(a),
    path.resolve(b),
    ...modeArguments(artifactMode),
    contents,
    localKeys,
    limit,
  );
  return harden(await runJob(job, options, job.run));
};

module.exports = { diffSwingStores };
