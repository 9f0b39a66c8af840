/** Deletes the history of an existing store. */
export const name = 'prune';
export const oursOnly = true;
export const stalls = true;
export const needs = 'pruneSwingStore';
export const input = { sizes: {} };
export const unit = 'item';

export const run = async ({ api, store, measure }) => {
  const { items, spans } = await measure(() => api.pruneSwingStore(store, { keep: 'operational' }));
  return { work: { items, spans }, units: Math.max(1, items) };
};
