/** Checks everything in an existing store. */
import { copyLimit } from '../lib/directory.mjs';
import { totalSize } from '../lib/paths.mjs';

export const name = 'verify';
export const oursOnly = true;
export const stalls = true;
export const needs = 'verifySwingStore';
export const input = { sizes: {} };
export const unit = 'MB';

export const limit = {
  what: 'copying the store from directory to directory',
  prepare: context => copyLimit(context, { from: 'store' }),
};

export const run = async ({ api, store, measure }) => {
  const report = await measure(() => api.verifySwingStore(store));
  const { ok, findings } = report;
  return { work: { ok, findings: findings.length }, units: totalSize(store) / 1e6 };
};
