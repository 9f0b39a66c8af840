'use strict';

/** For each handle of the addon, the functions to call when the database is closed. */
const closers = new WeakMap();

/**
 * Has a cache cleared when its database is closed.
 *
 * @param {any} handle the addon's object for the database
 * @param {() => void} clear
 */
const clearWhenClosed = (handle, clear) => {
  closers.set(handle, [...(closers.get(handle) ?? []), clear]);
};

/**
 * Frees the caches of a closed database.
 *
 * @param {any} handle the addon's object for the database
 */
const clearCachesOf = handle => {
  for (const clear of closers.get(handle) ?? []) clear();
  // A handle stays alive until the next full collection of garbage, and would keep the store's functions until then.
  closers.delete(handle);
};

module.exports = { clearCachesOf, clearWhenClosed };
