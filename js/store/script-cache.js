'use strict';

const { GENERATION, HELD } = require('../addon/cache-signal.js');
const { clearWhenClosed } = require('./caches.js');

/** The maximum length of all cached scripts together, in UTF-16 units. */
const MAX_LENGTH = 4 << 20;

/** The length of all strings of a script, in UTF-16 units. */
const lengthOf = script => Object.values(script).reduce((sum, { length }) => sum + length, 0);

/**
 * Makes a cache of scripts (bundles in the format `nestedEvaluate`). A kernel reads the same two, more than a megabyte of
 * text, for each worker that it starts. In the calls of a real kernel (docs/project/performance.md), the cache takes a fifth
 * of the time away.
 *
 * A bundle with a given ID always has the same contents, but it may be deleted, also by a rollback, so a call of the addon
 * asks for it each time. Other changes, by SQL of a tool or another connection, make the addon change the generation.
 *
 * @param {{ hasBundle: (bundleID: string) => boolean }} fns the addon's functions for one store
 * @param {any} handle the addon's object for the database
 */
const makeScriptCache = ({ hasBundle }, handle) => {
  const { cacheSignal } = handle;
  /** The scripts by bundle ID, those used last at the end. */
  const scripts = new Map();
  let length = 0;
  let generation = cacheSignal[GENERATION];

  const clear = () => {
    scripts.clear();
    length = 0;
    generation = cacheSignal[GENERATION];
  };

  const forget = bundleID => {
    length -= lengthOf(scripts.get(bundleID));
    scripts.delete(bundleID);
  };

  /** The script with an ID, if it is cached and the store has it. */
  const find = bundleID => {
    if (!scripts.has(bundleID)) return undefined;
    if (cacheSignal[HELD] === 0) handle.refresh();
    if (cacheSignal[GENERATION] !== generation) clear();
    const script = scripts.get(bundleID);
    if (script === undefined || !hasBundle(bundleID)) return undefined;
    scripts.delete(bundleID);
    scripts.set(bundleID, script);
    return script;
  };

  /** Caches a script. */
  const keep = (bundleID, script) => {
    if (cacheSignal[GENERATION] !== generation) clear();
    if (scripts.has(bundleID)) forget(bundleID);
    const more = lengthOf(script);
    if (more > MAX_LENGTH) return;
    for (const oldest of scripts.keys()) {
      if (length + more <= MAX_LENGTH) break;
      forget(oldest);
    }
    scripts.set(bundleID, script);
    length += more;
  };

  clearWhenClosed(handle, clear);
  return { find, keep };
};

/** For stores without a cache. */
const noScriptCache = { find: () => undefined, keep: () => {} };

module.exports = { makeScriptCache, noScriptCache };
