/** `readSpan` of every span of 20 vats, as for a replay. */
import { createHash } from 'node:crypto';
import { makeChecksum } from '../lib/checksum.mjs';
import { makeTranscripts, vatIDs } from '../lib/inputs.mjs';

export const name = 'transcript-read';
export const goal = 2;
export const prepare = makeTranscripts;

const passes = 12;

export const run = async ({ api, store, size, measure }) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(store);
  const { readSpan } = kernelStorage.transcriptStore;
  const starts = [0, 1, 2, 3, 4, 5].map(span => span * size(200));
  const checksum = makeChecksum();
  await measure(() => {
    for (let pass = 0; pass < passes; pass += 1) {
      for (const vatID of vatIDs) {
        for (const start of starts) {
          for (const item of readSpan(vatID, start)) checksum.add(item);
        }
      }
    }
  });
  const hash = createHash('sha256');
  for (const vatID of vatIDs) for (const item of readSpan(vatID)) hash.update(item);
  await hostStorage.close();
  return { work: { ...checksum.result(), hash: hash.digest('hex') } };
};
