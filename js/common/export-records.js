'use strict';

/**
 * Reads an exporter's records and sorts them out: kvStore entries are handed on as they come, of
 * all others the last one of a key counts, and a nullish value takes a record away. If `takeKV`
 * returns a promise, it is waited for before the next record is asked for.
 *
 * @param {{ getExportData: () => any }} exporter
 * @param {(key: string, value: string | null | undefined) => void | Promise<void>} takeKV
 * @returns {Promise<Map<string, string>>}
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

/** What kind of record or artifact a name stands for. */
const kindOf = name => name.split('.', 1)[0];

module.exports = { collectRecords, kindOf };
