// Generates strings for which UTF-8, UTF-16 and C strings differ.
import fc from 'fast-check';
import { kept } from '../../common/lone-surrogates.mjs';

const units = [
  'a',
  'b',
  'z',
  '.',
  '\0',
  ' ',
  '\n',
  '\r',
  '\t',
  'é',
  '\u0301',
  '\u2028',
  '\ufeff',
  '\ufffd',
  '\uffff',
  '\ue000',
  '\u{1f600}',
  '\u{10ffff}',
  '\ud800',
  '\udbff',
  '\udc00',
  '\udfff',
].map(kept);

/** Difficult short strings: lone surrogates, reversed pairs, NUL, noncharacters. */
export const wildText = fc.array(fc.constantFrom(...units), { maxLength: 6 }).map(parts => parts.join(''));

export const megabyte = fc.constantFrom(
  { repeat: ['x', 1_000_000] },
  { repeat: [kept('é\0\u{1f600}\ud800 '), 180_000] },
  { repeat: ['ab', 32_768] },
);

export const plainText = fc.string({ unit: 'grapheme', maxLength: 20 });

/** Values that are not strings. */
export const notText = fc.constantFrom(undefined, null, 0, 7.5, 7n, true, {}, ['a']);
