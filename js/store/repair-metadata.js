'use strict';

const native = require('../addon/native.js');
const { collectRecords, kindOf } = require('../common/export-records.js');

/**
 * Compares a store's records with those of an exporter, and adds the missing ones. Ignores kvStore entries and artifacts.
 *
 * @param {any} internal the store's sub-stores
 * @param {any} exporter
 * @param {(internal: any, mode: string) => void} assertComplete
 * @throws if the store and the exporter contradict each other
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
