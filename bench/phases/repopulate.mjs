/** Restores the deleted history of an existing store from its export. */
import path from 'node:path';

export const name = 'repopulate';
export const oursOnly = true;
export const stalls = true;
export const needs = 'repopulateSwingStoreFromDirectory';
export const input = { sizes: {} };
export const unit = 'item';

export const run = async ({ api, input: from, store, measure }) => {
  const { items } = await api.pruneSwingStore(store, { keep: 'operational' });
  const report = await measure(() => api.repopulateSwingStoreFromDirectory(path.join(from, 'export'), store));
  const { filled, refusedCount } = report;
  return { work: { items, filled: filled.length, refusedCount }, units: Math.max(1, items) };
};
