'use strict';

const native = require('../addon/native.js');
const { validateArtifactMode } = require('../common/artifact-mode.js');
const { makeBatchIterator } = require('../common/batch-iterator.js');
const { check, checkPath, checkString, followTaming } = require('../common/errors.js');
const { hardenOwn } = require('../common/harden.js');
const { pairCutter } = require('../common/packed.js');
const { resolvePlace } = require('../common/paths.js');
const { chunks } = require('../common/streams.js');

/**
 * Makes an exporter of a store, as of its last commit.
 *
 * @param {string} dirPath the store's directory
 * @param {{ artifactMode?: string, checkComplete?: boolean, historyFrom?: string }} [options]
 */
const makeSwingStoreExporter = (dirPath, options = {}) => {
  checkString('dirPath', dirPath);
  followTaming();
  const { artifactMode = 'operational', checkComplete = false, historyFrom } = options;
  // The other options are not checked: the reference accepts unknown ones.
  check(typeof checkComplete === 'boolean', 'checkComplete must be a boolean');
  if (historyFrom !== undefined) checkPath('historyFrom', historyFrom);
  validateArtifactMode(artifactMode);
  const exporterOptions = { artifactMode, historyFrom: historyFrom && resolvePlace(historyFrom) };
  const exporter = native.makeExporter(dirPath, JSON.stringify(exporterOptions));
  if (checkComplete) {
    try {
      exporter.checkComplete();
    } catch (error) {
      exporter.close();
      throw error;
    }
  }

  // Nothing read ahead may be yielded after the exporter was closed. Since this runs for every record, it calls the addon
  // only to throw the error.
  let isOpen = true;
  const checkOpen = () => {
    if (!isOpen) exporter.checkOpen();
  };

  const getExportData = () => {
    const records = exporter.exportData();
    const batches = chunks(records, checkOpen);
    const nextBatch = async () => {
      const { value, done } = await batches.next();
      return done ? undefined : pairCutter(value);
    };
    return makeBatchIterator(nextBatch, checkOpen, () => records.close());
  };
  async function* generateArtifactNames() {
    for (const name of await exporter.artifactNames()) {
      checkOpen();
      yield name;
    }
  }

  return hardenOwn({
    getHostKV: exporter.getHostKV,
    getExportData,
    getArtifactNames() {
      exporter.checkComplete();
      return generateArtifactNames();
    },
    getArtifact: name => chunks(exporter.artifact(name), checkOpen),
    async close() {
      isOpen = false;
      exporter.close();
    },
  });
};

module.exports = { makeSwingStoreExporter };
