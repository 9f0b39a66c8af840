/** Compresses the history of an existing store, and returns the free space to the file system. */
import { storeIn, totalSize } from '../lib/paths.mjs';
import { sizeOfContents } from '../lib/store-contents.mjs';

export const name = 'compact';
export const oursOnly = true;
export const stalls = true;
export const needs = 'compactSwingStore';
export const input = { sizes: {} };
export const unit = 'MB of items';

export const limit = {
  what: 'reading the file once, and zstd over the items on one thread; nothing is written or deleted',
  prepare: async ({ input: from }) => ({
    commands: { reading: ['read', 'store:swingstore.sqlite'], zstd: ['zstd', 'store:swingstore.sqlite'] },
    hash: sizeOfContents(storeIn(from), ['history']),
  }),
};

const megabytes = bytes => `${(bytes / 1e6).toFixed(1)} MB`;

export const run = async ({ api, store, measure }) => {
  const before = totalSize(store);
  const report = await measure(() => api.compactSwingStore(store));
  await api.reclaimSwingStoreSpace(store, { method: 'rewrite' });
  const after = totalSize(store);
  const { items, itemBytes, compressedBytes, locking } = report;
  return {
    work: { items, itemBytes },
    units: itemBytes / 1e6,
    figures: {
      facts: {
        'items become': `${megabytes(itemBytes)} to ${megabytes(compressedBytes)} (${(itemBytes / compressedBytes).toFixed(1)}:1)`,
        'the store becomes': `${megabytes(before)} to ${megabytes(after)}, ${((after / before) * 100).toFixed(0)} %`,
        'longest transaction': `${locking.longest.toFixed(0)} ms`,
      },
    },
  };
};
