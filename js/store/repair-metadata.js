'use strict';

const native = require('../addon/native.js');
const { collectRecords, kindOf } = require('../common/export-records.js');

/**
 * Compares a store's records with those of an exporter, and adds those that are missing. Neither
 * kvStore entries nor artifacts are looked at.
 *
 * @param {any} internal
 * @param {any} exporter
 * @param {(internal: any, mode: string) => void} assertComplete
 */
const repairMetadata = async (internal, exporter, assertComplete) => {
  const { bundleStore, snapStore, transcriptStore } = internal;
  const records = await collectRecords(exporter, () => {});
  for (const [key, value] of records) {
    const kind = kindOf(key);
    if (kind === 'bundle') bundleStore.repairBundleRecord(key, value);
    else if (kind === 'snapshot') snapStore.repairSnapshotRecord(key, value);
    else if (kind === 'transcript') transcriptStore.repairTranscriptSpanRecord(key, value);
    else native.refuseRepair(key);
  }
  assertComplete(internal, 'operational');
  await exporter.close();
};

module.exports = { repairMetadata };
