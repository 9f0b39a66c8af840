// Records the export callback's arguments over all processes of a chain: the
// current data, and a hash of all batches.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** @param {string} file the record's file, which the processes share */
export const makeExportRecord = file => {
  const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { batches: 0, hash: '', data: [] };
  let { batches, hash } = before;
  const data = new Map(before.data);

  const callback = entries => {
    batches += 1;
    hash = createHash('sha256').update(hash).update(JSON.stringify(entries)).digest('hex');
    for (const [key, value] of entries) {
      if (value === null || value === undefined) {
        data.delete(key);
      } else {
        data.set(key, value);
      }
    }
  };

  /** Saves the record, and returns the part that must be the same in two runs. */
  const close = () => {
    writeFileSync(file, JSON.stringify({ batches, hash, data: [...data] }));
    return { batches, hash, entries: data.size };
  };

  return { callback, close };
};
