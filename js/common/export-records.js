'use strict';

/**
 * Reads an exporter's records. Passes each kvStore entry to `takeKV` as it arrives, and collects all other records: the
 * last record of a key counts, and a nullish value deletes the key's record. If `takeKV` returns a promise, the next
 * record is read after it resolves.
 *
 * @param {{ getExportData: () => any }} exporter
 * @param {(key: string, value: string | null | undefined) => void | Promise<void>} takeKV takes the key without its prefix
 * @returns {Promise<Map<string, string>>} the records that are not kvStore entries, by key
 */
const collectRecords = async (exporter, takeKV) => {
  const records = new Map();
  for await (const [key, value] of exporter.getExportData()) {
    if (key === 'kv' || key.startsWith('kv.')) {
      const taken = takeKV(key.substring(3), value);
      if (taken !== undefined) await taken;
    } else if (value === null || value === undefined) {
      records.delete(key);
    } else {
      records.set(key, value);
    }
  }
  return records;
};

/** The kind of a record or an artifact: the part of its name before the first dot. */
const kindOf = name => name.split('.', 1)[0];

module.exports = { collectRecords, kindOf };
