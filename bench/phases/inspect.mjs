/** Asks for the history of all vats of an existing store: vats, spans and snapshots, with the sizes of their items. */
export const name = 'inspect';
export const oursOnly = true;
export const stalls = true;
export const needs = 'openSwingStoreHistory';
export const input = { sizes: {} };
export const unit = 'span';

export const run = async ({ api, store, measure }) => {
  const counts = await measure(async () => {
    const history = api.openSwingStoreHistory(store);
    const vats = await history.listVats({ sizes: true });
    let spans = 0;
    for (const { vatID } of vats) spans += (await history.listSpans(vatID, { sizes: true })).length;
    const snapshots = await history.listSnapshots();
    await history.close();
    return { vats: vats.length, spans, snapshots: snapshots.length };
  });
  return { work: counts, units: counts.spans };
};
