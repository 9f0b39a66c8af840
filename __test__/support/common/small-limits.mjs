// Limits of our caches, buffers and batches that are so small that little work crosses every boundary.
import { createRequire } from 'node:module';
import { subjectIsReference } from './settings.mjs';

// In the order of the addon's arguments. Each is so small that a test's few keys, items and kilobytes cross its boundary
// many times.
const TINY = {
  kvCache: 600,
  kvBuffer: 400,
  itemBatch: 40,
  recordBatch: 50,
  chunk: 7,
  gzipBlock: 600,
  value: undefined,
  pinnedLog: 5000,
};

const LIMITS = {
  tiny: TINY,
  tinyBuffer: { kvCache: undefined, kvBuffer: TINY.kvBuffer },
  tinyCache: { kvCache: TINY.kvCache },
  default: {},
};

export const limitNames = Object.keys(LIMITS);

/** Sets the limits for all stores that are opened afterwards. */
export const useLimits = name => {
  if (subjectIsReference) return;
  createRequire(import.meta.url)('../../../js/addon/native.js').setLimits(...Object.values(LIMITS[name]));
};
