/** Adds deliveries to 20 vats: an item of 2.8 kB per crank, spans of 200 items, a commit every 100 cranks. */
import path from 'node:path';
import { makeExportChecksum } from '../lib/checksum.mjs';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { spansBefore, vatIDs } from '../lib/inputs.mjs';
import { itemPool } from '../lib/kernel-data.mjs';
import { storeIn } from '../lib/paths.mjs';
import { makePlan } from '../lib/plan.mjs';
import { makeRandom } from '../lib/random.mjs';

export const name = 'transcript-add';
export const goal = 5;
export const input = spansBefore;
export const sizes = { items: 16_000, ...spansBefore.sizes };
export const unit = 'item';
export const growth = { sizes: { before: 3 }, factor: 10 };

const itemsPerSpan = 200;
const cranksPerCommit = 100;

const makePool = () => itemPool(makeRandom(40), 500, 2800);
const commits = crank => crank % cranksPerCommit === cranksPerCommit - 1;

/** The vat whose span ends in this crank, if any: the spans of the vats end at different times. */
const rollsOver = crank =>
  crank % itemsPerSpan === itemsPerSpan - 1 ? vatIDs[Math.floor(crank / itemsPerSpan) % vatIDs.length] : undefined;

const sql = {
  add: 'INSERT INTO transcriptItems (vatID, position, item, incarnation) VALUES (?, ?, ?, 0)',
  update: 'UPDATE transcriptSpans SET endPos = ?, hash = ? WHERE vatID = ? AND isCurrent = 1',
  end: 'UPDATE transcriptSpans SET isCurrent = NULL WHERE vatID = ? AND isCurrent = 1',
  begin:
    'INSERT INTO transcriptSpans (vatID, startPos, endPos, hash, isCurrent, incarnation) VALUES (?, ?, ?, ?, 1, 0)',
};

/** The end position of each vat's transcript. */
const endsOf = async (api, dir) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(storeIn(dir));
  const ends = new Map(vatIDs.map(vatID => [vatID, kernelStorage.transcriptStore.getCurrentSpanBounds(vatID).endPos]));
  await hostStorage.close();
  return ends;
};

export const limit = {
  what: 'SQLite alone: an INSERT for the item, an UPDATE for its span, one for the activityhash, in the same transactions',
  prepare: async ({ api, input: from, sizes: { items }, plan: dir }) => {
    const plan = makePlan();
    const pool = makePool();
    const ends = await endsOf(api, from);
    const hash = 'c'.repeat(64);
    let bytes = 0;
    for (let crank = 0; crank < items; crank += 1) {
      const vatID = vatIDs[crank % vatIDs.length];
      const item = pool[crank % pool.length];
      bytes += Buffer.byteLength(item);
      plan.crank(() => {
        const position = ends.get(vatID);
        ends.set(vatID, position + 1);
        plan.step(sql.add, vatID, position, item);
        plan.step(sql.update, position + 1, hash, vatID);
        const full = rollsOver(crank);
        if (!full) return;
        plan.step(sql.end, full);
        plan.step(sql.begin, full, ends.get(full), ends.get(full), hash);
      });
      if (commits(crank)) plan.commit();
    }
    plan.commit();
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'], hash: bytes };
  },
};

export const run = async ({ api, store, sizes: { items }, measure }) => {
  const { exported, exportCallback } = makeExportChecksum();
  const { kernelStorage, hostStorage } = api.openSwingStore(store, { exportCallback });
  const { transcriptStore, startCrank, establishCrankSavepoint, emitCrankHashes, endCrank } = kernelStorage;
  const pool = makePool();
  const clock = makeCommitClock(hostStorage);
  await measure(async () => {
    for (let crank = 0; crank < items; crank += 1) {
      const vatID = vatIDs[crank % vatIDs.length];
      startCrank();
      establishCrankSavepoint('deliver');
      transcriptStore.addItem(vatID, pool[crank % pool.length]);
      const full = rollsOver(crank);
      if (full) await transcriptStore.rolloverSpan(full);
      emitCrankHashes();
      endCrank();
      if (commits(crank)) await clock.commit();
    }
    await clock.commit();
  });
  const spans = vatIDs.map(vatID => {
    const { endPos, hash } = transcriptStore.getCurrentSpanBounds(vatID);
    return [endPos, hash];
  });
  const activityhash = kernelStorage.getActivityhash();
  await hostStorage.close();
  return {
    work: { activityhash, exported: exported.result(), spans },
    units: items,
    figures: { commit: clock.seconds() },
  };
};
