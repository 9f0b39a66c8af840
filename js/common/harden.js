'use strict';

/**
 * Freezes a value and everything reachable through own properties. Views of bytes can't be frozen and are skipped.
 *
 * @param {unknown} value
 * @param {Set<unknown>} seen
 */
const freezeDeeply = (value, seen) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
  if (ArrayBuffer.isView(value) || seen.has(value)) return;
  seen.add(value);
  Object.freeze(value);
  for (const key of Reflect.ownKeys(value)) {
    const { value: inner, get, set } = Reflect.getOwnPropertyDescriptor(value, key);
    freezeDeeply(inner, seen);
    freezeDeeply(get, seen);
    freezeDeeply(set, seen);
  }
};

/**
 * Hardens a value after a SES lockdown, and freezes it deeply without one. Checks at each call, since the lockdown may
 * happen after this package was loaded.
 *
 * @template T
 * @param {T} value
 * @returns {T}
 */
const harden = value => {
  if (typeof globalThis.harden === 'function') return globalThis.harden(value);
  freezeDeeply(value, new Set());
  return value;
};

module.exports = { harden };
