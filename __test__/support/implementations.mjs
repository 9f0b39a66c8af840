// The two stores under comparison, in one shape. Everything else in the tests
// takes an implementation as an argument and never imports either package.
import * as referenceApi from '@agoric/swing-store';
import { createRequire } from 'node:module';
import sqlite3 from 'better-sqlite3';
import { subjectIsReference, tinyLimits } from './settings.mjs';

export const reference = {
  name: 'reference',
  api: referenceApi,
  // A bare handle, for the sub-stores that are made over one.
  openDatabase: (file, options) => sqlite3(file, options),
};

// In the order in which the addon takes them. Each is small enough that a test's few keys, items and
// kilobytes cross its boundaries many times.
const TINY = { kvCache: 120, kvBuffer: 60, itemBatch: 40, recordBatch: 50, chunk: 7, gzipBlock: 600 };

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
  createRequire(import.meta.url)('../../js/native.js').setLimits(...Object.values(LIMITS[name]));
};

const loadOurs = async () => {
  const api = await import('../../index.mjs');
  if (tinyLimits) useLimits('tiny');
  return {
    name: 'ours',
    api,
    openDatabase: (file, options) => new api.Database(file, options),
  };
};

export const subject = subjectIsReference ? { ...reference, name: 'reference again' } : await loadOurs();
