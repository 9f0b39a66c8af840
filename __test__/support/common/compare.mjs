// Finds the first difference of two pieces of plain data. Stricter than a deep equality (the order of keys counts, -0 is
// not 0); the result is one line, for data of any size.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { isLoose } from './known-differences.mjs';

const show = value => {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
    const head = JSON.stringify(bytes.subarray(0, 60).toString('latin1'));
    return `${bytes.length} bytes (sha256 ${hash}) ${head}`;
  }
  if (typeof value === 'bigint') {
    return `${value}n`;
  }
  if (typeof value === 'number' || value === undefined) {
    return Object.is(value, -0) ? '-0' : String(value);
  }
  if (typeof value === 'function' || typeof value === 'symbol') {
    return typeof value;
  }
  let text;
  try {
    text = JSON.stringify(value, (_key, v) => (typeof v === 'bigint' ? `${v}n` : v));
  } catch {
    text = String(value);
  }
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} chars)` : text;
};

const firstDifferentIndex = (a, b) => {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i += 1) {
    if (a[i] !== b[i]) return i;
  }
  return end;
};

const showAround = (text, index) => show(text.slice(Math.max(0, index - 20), index + 60));

const kindOf = value => {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'array';
  return typeof value;
};

const differ = (where, ours, theirs) => `${where || 'value'}: ours is ${ours}, the reference's is ${theirs}`;

/**
 * @param {unknown} ours
 * @param {unknown} theirs
 * @param {string} [where]
 * @returns {string | undefined} undefined if the two are the same
 */
export const firstDifference = (ours, theirs, where = '') => {
  if (Object.is(ours, theirs)) return undefined;
  const kind = kindOf(theirs);
  if (kindOf(ours) !== kind) {
    return differ(where, show(ours), show(theirs));
  }
  if (kind === 'string') {
    const at = firstDifferentIndex(ours, theirs);
    return ours.length + theirs.length < 600
      ? differ(where, show(ours), show(theirs))
      : differ(`${where} (from character ${at})`, showAround(ours, at), showAround(theirs, at));
  }
  if (kind === 'bytes') {
    if (Buffer.compare(Buffer.from(ours), Buffer.from(theirs)) === 0) {
      return undefined;
    }
    const at = firstDifferentIndex(ours, theirs);
    return `${differ(where, show(ours), show(theirs))}; they part at byte ${at}`;
  }
  if (kind === 'array') {
    const end = Math.min(ours.length, theirs.length);
    for (let i = 0; i < end; i += 1) {
      const found = firstDifference(ours[i], theirs[i], `${where}[${i}]`);
      if (found) return found;
    }
    if (ours.length === theirs.length) return undefined;
    const more = ours.length > theirs.length ? ours : theirs;
    return differ(`${where}.length (next there is ${show(more[end])})`, ours.length, theirs.length);
  }
  if (kind === 'object') {
    if (theirs.error === true && ours.error === true) {
      return errorDifference(ours, theirs, where);
    }
    const ourKeys = Object.keys(ours);
    const theirKeys = Object.keys(theirs);
    if (ourKeys.length !== theirKeys.length || ourKeys.some((key, i) => key !== theirKeys[i])) {
      const missing = theirKeys.filter(key => !Object.hasOwn(ours, key));
      const extra = ourKeys.filter(key => !Object.hasOwn(theirs, key));
      if (missing.length || extra.length) {
        const about = [
          ...missing.slice(0, 3).map(k => `missing ${show(k)}: ${show(theirs[k])}`),
          ...extra.slice(0, 3).map(k => `extra ${show(k)}: ${show(ours[k])}`),
        ].join('; ');
        return `${where || 'value'}: keys differ: ${about}`;
      }
      return differ(`${where} (order of keys)`, show(ourKeys), show(theirKeys));
    }
    for (const key of theirKeys) {
      const found = firstDifference(ours[key], theirs[key], `${where}.${key}`);
      if (found) return found;
    }
    return undefined;
  }
  return differ(where, show(ours), show(theirs));
};

// Our errors may have a code where the reference's have none. If the reference's message is only its JavaScript engine's
// text about source code, any error of ours counts as the same.
const errorDifference = (ours, theirs, where) => {
  if (isLoose(theirs)) return undefined;
  for (const key of ['message', 'constructor', 'name']) {
    const found = firstDifference(ours[key], theirs[key], `${where}.${key}`);
    if (found) return found;
  }
  return theirs.code === undefined ? undefined : firstDifference(ours.code, theirs.code, `${where}.code`);
};

export class Difference extends Error {}

export const assertSame = (ours, theirs, where) => {
  const found = firstDifference(ours, theirs, '');
  if (found) {
    throw new Difference(`${where}: ${found}`);
  }
};
