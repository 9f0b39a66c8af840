/** Reads every span of 20 vats with `readSpan`, as for a replay. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { transcripts, vatIDs } from '../lib/inputs.mjs';
import { storeIn } from '../lib/paths.mjs';
import { makePlan } from '../lib/plan.mjs';
import { fixed } from '../lib/sizes.mjs';

export const name = 'transcript-read';
export const goal = 2;
export const input = transcripts;
export const sizes = { ...transcripts.sizes, passes: fixed(12) };
export const unit = 'item';

const startsOf = ({ spans, itemsPerSpan }) => Array.from({ length: spans + 1 }, (_, span) => span * itemsPerSpan);

export const limit = {
  what: 'SQLite alone: a prepared SELECT of the items for each span',
  prepare: async ({ api, input: from, sizes: wanted, plan: dir }) => {
    const plan = makePlan({ repeat: wanted.passes });
    const sql = 'SELECT item FROM transcriptItems WHERE vatID = ? AND position >= ? AND position < ? ORDER BY position';
    const { kernelStorage, hostStorage } = api.openSwingStore(storeIn(from));
    let bytes = 0;
    for (const vatID of vatIDs) {
      for (const start of startsOf(wanted)) {
        // The last span ends with the transcript, before it is full.
        plan.step(sql, vatID, start, start + wanted.itemsPerSpan);
        for (const item of kernelStorage.transcriptStore.readSpan(vatID, start)) bytes += Buffer.byteLength(item);
      }
    }
    await hostStorage.close();
    await plan.write(path.join(dir, 'plan'));
    const command = ['replay', 'store:swingstore.sqlite', 'plan:plan'];
    return { command, hash: bytes * wanted.passes };
  },
};

export const run = async ({ api, store, sizes: wanted, measure }) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(store);
  const { readSpan } = kernelStorage.transcriptStore;
  const starts = startsOf(wanted);
  const checksum = makeChecksum();
  await measure(() => {
    for (let pass = 0; pass < wanted.passes; pass += 1) {
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
  const { count, sum } = checksum.result();
  return { work: { count, sum, hash: hash.digest('hex') }, units: count };
};
