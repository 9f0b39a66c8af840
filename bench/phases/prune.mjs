/** Deletes the history of an existing store. */
import path from 'node:path';
import { makePlan } from '../lib/plan.mjs';

export const name = 'prune';
export const oursOnly = true;
export const stalls = true;
export const needs = 'pruneSwingStore';
export const input = { sizes: {} };
export const unit = 'item';

const sql = {
  images: 'UPDATE snapshots SET compressedSnapshot = NULL WHERE inUse IS NULL AND compressedSnapshot IS NOT NULL',
  items: `DELETE FROM transcriptItems WHERE position < (SELECT startPos FROM transcriptSpans AS span
    WHERE span.vatID = transcriptItems.vatID AND isCurrent = 1)`,
};

export const limit = {
  what: 'SQLite alone: one DELETE of all historical items, in the order of the file, in one transaction',
  prepare: async ({ plan: dir }) => {
    const plan = makePlan();
    plan.block(() => {
      plan.step(sql.images);
      plan.step(sql.items);
    });
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

export const run = async ({ api, store, measure }) => {
  const { items, spans } = await measure(() => api.pruneSwingStore(store, { keep: 'operational' }));
  return { work: { items, spans }, units: Math.max(1, items) };
};
