'use strict';

/**
 * Freezes a value and everything that its own properties lead to. Bytes can't be frozen and stay
 * as they are.
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
 * Hardens a value where there is a SES lockdown, and freezes it where there is none. The lockdown
 * may come after this package, so it is looked for at every call.
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
