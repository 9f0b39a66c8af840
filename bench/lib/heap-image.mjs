/**
 * Makes images that look to a compressor like a heap snapshot of an XS machine: mostly records of 32 bytes (a pointer
 * to the next, an ID, flags, a kind, a value) in objects of recurring shapes, some text, some space that is not in use.
 * gzip makes about a fifth of them (5.1 to 5.4:1 at level 6, 10 MB), as it does of real ones.
 */
import { makeRandom } from './random.mjs';

const recordSize = 32;
const base = 0x40_0000;

const syllables = 'get set make ky zoe brand amount value iter keys map promise state vat ref kit al er on in'.split(
  ' ',
);

const makeShapes = random =>
  Array.from({ length: 160 }, () =>
    Array.from({ length: 2 + random.below(7) }, () => ({
      id: random.below(4000),
      flag: random.pick([0, 0, 0, 2, 6, 14]),
      kind: 1 + random.below(24),
      // What the value of such a property looks like: a pointer nearby or far, a small number, nothing.
      value: random.pick(['near', 'near', 'near', 'far', 'far', 'number', 'none', 'none', 'none']),
    })),
  );

/** Fills `[from, to)` with objects. */
const fillRecords = (image, from, to, shapes, random) => {
  let at = from;
  while (at < to) {
    // Objects of one kind tend to be made together.
    const shape = random.pick(shapes);
    for (let copies = 1 + random.below(12); copies > 0; copies -= 1) {
      for (const [index, { id, flag, kind, value }] of shape.entries()) {
        if (at + recordSize > to) return;
        image.writeUInt32LE(index + 1 < shape.length ? base + at + recordSize : 0, at);
        image.writeUInt32LE(id, at + 8);
        image[at + 12] = flag;
        image[at + 13] = kind;
        if (value === 'near') image.writeUInt32LE(base + Math.max(0, at - recordSize * random.below(3000)), at + 16);
        if (value === 'far') image.writeUInt32LE(base + recordSize * random.below(image.length / recordSize), at + 16);
        if (value === 'number') image.writeUInt32LE(random.below(5000), at + 16);
        at += recordSize;
      }
    }
  }
};

/** Fills `[from, to)` with names, as of properties and in byte code. */
const fillText = (image, from, to, random) => {
  let at = from;
  while (at < to) {
    let word = '';
    for (let count = 1 + random.below(4); count > 0; count -= 1) word += random.pick(syllables);
    at += image.write(`${word}${random.chance(0.3) ? random.below(1000) : ''}\0`, at, to - at, 'latin1') || to - at;
  }
};

/**
 * @param {number} seed
 * @param {number} size  in bytes
 * @returns {Buffer}
 */
export const makeHeapImage = (seed, size) => {
  const random = makeRandom(seed);
  const shapes = makeShapes(random);
  const image = Buffer.alloc(size);
  const regionSize = 64 * 1024;
  for (let from = 0; from < size; from += regionSize) {
    const to = Math.min(size, from + regionSize);
    const lot = random.below(100);
    if (lot < 75) fillRecords(image, from, to, shapes, random);
    else if (lot < 90) fillText(image, from, to, random);
  }
  return image;
};
