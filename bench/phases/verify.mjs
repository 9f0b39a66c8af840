/** Checks everything in an existing store. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { storeIn, totalSize } from '../lib/paths.mjs';
import { sizeOfContents } from '../lib/store-contents.mjs';

export const name = 'verify';
export const oursOnly = true;
export const stalls = true;
export const needs = 'verifySwingStore';
export const input = { sizes: {} };
export const unit = 'MB';

export const limitGoal = 1.5;

export const limit = {
  what:
    'the longest of copying the file once, as `cp` does, of reading it and then SQLite’s integrity check on one thread, and ' +
    'of SHA-256 over items, bundles and uncompressed images on one thread',
  prepare: async ({ input: from, plan: dir }) => {
    await writeFile(path.join(dir, 'names'), 'swingstore.sqlite');
    return {
      commands: {
        copying: ['copy', 'store:', 'scratch:copy', 'plan:names'],
        'integrity check': ['check', 'store:swingstore.sqlite'],
      },
      hash: sizeOfContents(storeIn(from), ['items', 'bundles', 'images']),
      combine: 'largest',
    };
  },
};

export const run = async ({ api, store, measure }) => {
  const report = await measure(() => api.verifySwingStore(store));
  const { ok, findings } = report;
  return { work: { ok, findings: findings.length }, units: totalSize(store) / 1e6 };
};
