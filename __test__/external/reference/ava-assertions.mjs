// Replaces `@agoric/internal/tools/ava-assertions.js`, which one of the
// reference's tests imports and no published package contains.

const isContainer = value => typeof value === 'object' && value !== null;

/** Reduces `actual` to the properties of `shape`. A missing property stays missing, so that a comparison shows it. */
const restrict = (actual, shape) => {
  if (!isContainer(actual) || !isContainer(shape)) return actual;
  if (Array.isArray(actual) !== Array.isArray(shape)) return actual;
  const kept = Array.isArray(shape) ? [] : {};
  for (const key of Object.keys(shape)) {
    if (Object.hasOwn(actual, key)) {
      kept[key] = restrict(actual[key], shape[key]);
    }
  }
  return kept;
};

/**
 * Asserts that an array has as many elements as expected, and that each element
 * has at least the properties of its counterpart: `['key']` is like
 * `['key', 'value']`.
 *
 * @param {import('ava').ExecutionContext} t
 * @param {unknown} actual
 * @param {unknown[]} expected
 * @param {string} [message]
 */
export const arrayIsLike = (t, actual, expected, message) => {
  if (!Array.isArray(actual)) {
    t.fail(message ?? 'not an array');
    return;
  }
  // Shows additional elements completely.
  const seen = actual.map((element, i) => restrict(element, expected[i]));
  t.deepEqual(seen, expected, message);
};
