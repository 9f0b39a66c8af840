/** Checks everything in an existing store. */
import { storeIn, totalSize } from '../lib/paths.mjs';
import { sizeOfContents } from '../lib/store-contents.mjs';

export const name = 'verify';
export const oursOnly = true;
export const stalls = true;
export const needs = 'verifySwingStore';
export const input = { sizes: {} };
export const unit = 'MB';

export const limit = {
  what: 'the larger of reading the file once, and SHA-256 over items, bundles and uncompressed images, on one thread',
  prepare: async ({ input: from }) => ({
    commands: { reading: ['read', 'store:swingstore.sqlite'] },
    hash: sizeOfContents(storeIn(from), ['items', 'bundles', 'images']),
    combine: 'largest',
  }),
};

export const run = async ({ api, store, measure }) => {
  const report = await measure(() => api.verifySwingStore(store));
  const { ok, findings } = report;
  return { work: { ok, findings: findings.length }, units: totalSize(store) / 1e6 };
};
