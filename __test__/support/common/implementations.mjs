// The two packages under comparison, with the same interface. Everything else in the tests takes an implementation as an
// argument and never imports either package.
import * as referenceApi from '@agoric/swing-store';
import sqlite3 from 'better-sqlite3';
import { useLimits } from './small-limits.mjs';
import { subjectIsReference, tinyLimits } from './settings.mjs';

export const reference = {
  name: 'reference',
  api: referenceApi,
  // Opens a database, for sub-stores that are made over one.
  openDatabase: (file, options) => sqlite3(file, options),
};

const loadOurs = async () => {
  const api = await import('../../../index.mjs');
  if (tinyLimits) useLimits('tiny');
  return {
    name: 'ours',
    api,
    openDatabase: (file, options) => new api.Database(file, options),
  };
};

export const subject = subjectIsReference ? { ...reference, name: 'reference again' } : await loadOurs();
