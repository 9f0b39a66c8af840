// Limits of our caches, buffers and batches that are so small that little work crosses every boundary.
import { createRequire } from 'node:module';
import { subjectIsReference } from './settings.mjs';

// Each is so small that a test's few keys, items and kilobytes cross its boundary many times.
const TINY = {
  kvCacheBytes: 600,
  kvBufferBytes: 400,
  itemBatchBytes: 40,
  frameBytes: 100,
  recordBatchBytes: 50,
  chunkBytes: 7,
  imageBlockBytes: 600,
  fileBlockBytes: 600,
  pinnedLogBytes: 5000,
  logPages: 20,
};

const LIMITS = {
  tiny: TINY,
  tinyBuffer: { kvBufferBytes: TINY.kvBufferBytes },
  tinyCache: { kvCacheBytes: TINY.kvCacheBytes },
  default: {},
};

export const limitNames = Object.keys(LIMITS);

/** Sets the limits for all stores that are opened afterwards. */
export const useLimits = name => {
  if (subjectIsReference) return;
  createRequire(import.meta.url)('../../../js/addon/native.js').setLimits(JSON.stringify(LIMITS[name]));
};
