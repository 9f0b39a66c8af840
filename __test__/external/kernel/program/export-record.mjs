// What the export callback was given, over all the processes of a chain: the
// data as it stands, and a hash over every batch as it came.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** @param {string} file in which the record is kept from process to process */
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

  /** Save the record, and tell what two runs must agree on. */
  const close = () => {
    writeFileSync(file, JSON.stringify({ batches, hash, data: [...data] }));
    return { batches, hash, entries: data.size };
  };

  return { callback, close };
};
