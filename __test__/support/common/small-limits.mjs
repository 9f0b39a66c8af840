// How much ours caches, buffers and hands on at a time, made small enough that little work crosses every boundary.
import { createRequire } from 'node:module';
import { subjectIsReference } from './settings.mjs';

// In the order in which the addon takes them. Each is small enough that a test's few keys, items and
// kilobytes cross its boundaries many times.
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

/** Sets the limits that ours keeps to from now on, in stores that are then opened. */
export const useLimits = name => {
  if (subjectIsReference) return;
  createRequire(import.meta.url)('../../../js/addon/native.js').setLimits(...Object.values(LIMITS[name]));
};
