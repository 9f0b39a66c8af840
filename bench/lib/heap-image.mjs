/**
 * Makes images that look to a compressor like the heap snapshot of a vat's XS machine: first source text of bundled
 * modules and their byte code, then the heap, which is slots of 32 bytes.
 *
 * Proportions and frequencies are those of real images; `npm run bench -- --check-images DIR` compares. The text is that
 * of modules that real vats hold, which are installed here, too.
 */
import { moduleSources } from './module-sources.mjs';
import { makeRandom } from './random.mjs';

const slotSize = 32;

/** What part of an image is text, and what part text and byte code together. */
const textPart = 0.42;
const codePart = 0.555;

/** Fills `[from, to)` with modules, some of which begin in the middle, as blocks of an arena do. */
const fillText = (image, from, to, random) => {
  const texts = moduleSources();
  for (let at = from; at < to; ) {
    const text = random.pick(texts);
    const start = random.chance(0.1) ? random.below(text.length) : 0;
    at += text.copy(image, at, start, Math.min(text.length, start + to - at));
    if (at < to) image[at] = 0;
    at += 1;
  }
};

/** How byte code is put together: an instruction that may have an operand. */
const instructions = random =>
  Array.from({ length: 120 }, (_, rank) => ({
    code: Buffer.from(Array.from({ length: 1 + random.below(4) }, () => random.below(256))),
    operand: rank % 3 === 0 ? 'name' : random.pick(['none', 'none', 'local', 'line']),
  }));

/** A small number most of the time: the rank of something in the order of how often it occurs. */
const skewed = (random, limit, power = 3) => Math.floor(limit * (random.uint32() / 2 ** 32) ** power);

/** Fills `[from, to)` with byte code. */
const fillCode = (image, from, to, random) => {
  const table = instructions(random);
  let line = 0;
  let at = from;
  const put = byte => {
    if (at < to) image[at] = byte;
    at += 1;
  };
  const phrases = Array.from({ length: 400 }, () => Array.from({ length: 3 }, () => table[skewed(random, table.length)]));
  while (at < to) {
    for (const { code, operand } of phrases[skewed(random, phrases.length, 2)]) {
      for (const byte of code) put(byte);
      if (operand === 'name') {
        const id = skewed(random, 3700);
        for (const byte of [id & 255, id >> 8, 0, 0]) put(byte);
      }
      if (operand === 'local') put(random.below(24));
      if (operand === 'line') {
        line = random.chance(0.05) ? 0 : line + random.below(4);
        for (const byte of [line & 255, (line >> 8) & 255]) put(byte);
      }
    }
  }
};

/** Kinds of slots, flags and the like, by how often they occur. */
const kinds = [0x0b, 0x0b, 0x0b, 0x0a, 0x0a, 0x0a, 0x0d, 0x0d, 0x0d, 0x00, 0x00, 0x05, 0x03, 0x13, 0x01, 0x2a];
const flags = [0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x02, 0x02, 0x0a, 0x0a, 0x0e, 0x12, 0x52];

/** Objects that are made again and again: for each slot what is the same in all of them, and what its value is. */
const makeShapes = random =>
  Array.from({ length: 220 }, () =>
    Array.from({ length: 2 + random.below(10) }, () => ({
      kind: random.pick(kinds),
      flag: random.pick(flags),
      id: random.chance(0.3) ? 0 : skewed(random, 3700, 2),
      value: random.pick(['none', 'none', 'same', 'same', 'recent', 'recent', 'recent', 'near', 'far', 'address']),
      same: random.below(0x2800),
      second: random.chance(0.3) ? random.below(0x1900) : 0,
    })),
  );

/** Fills `[from, to)` with slots. */
const fillSlots = (image, from, to, random) => {
  const shapes = makeShapes(random);
  const total = Math.ceil((to - from) / slotSize);
  let slot = 0;
  let text = 0x35_0000;
  const values = {
    none: () => 0,
    same: ({ same }) => same,
    recent: () => Math.max(0, slot - random.below(12)),
    near: () => Math.max(0, slot - skewed(random, 4000)),
    far: () => random.below(total),
    address: () => (text += 32 * random.below(8)),
  };
  while (slot < total) {
    const shape = shapes[skewed(random, shapes.length, 1.6)];
    for (const [i, field] of shape.entries()) {
      const at = from + slot * slotSize;
      if (at + slotSize > to) return;
      image[at] = field.kind;
      image[at + 1] = field.flag;
      // What an object is a copy of may have got another name or flag since.
      image.writeUInt16LE(random.chance(0.12) ? skewed(random, 3700) : field.id, at + 4);
      image.writeUInt32LE(values[field.value](field), at + 8);
      image.writeUInt32LE(field.second, at + 16);
      image.writeUInt32LE(i + 1 < shape.length ? slot + 1 : 0, at + 24);
      slot += 1;
    }
  }
};

/**
 * @param {number} seed
 * @param {number} size  in bytes
 * @returns {Buffer}
 */
export const makeHeapImage = (seed, size) => {
  const random = makeRandom(seed);
  const image = Buffer.alloc(size);
  const [textEnd, codeEnd] = [textPart, codePart].map(part => Math.floor(size * part));
  fillText(image, 0, textEnd, random);
  fillCode(image, textEnd, codeEnd, random);
  fillSlots(image, codeEnd, size, random);
  return image;
};
