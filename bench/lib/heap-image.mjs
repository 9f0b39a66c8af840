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
const textPart = 0.39;
const codePart = 0.54;

/** Fills `[from, to)` with modules, some of which begin in the middle, as blocks of an arena do. */
const fillText = (image, from, to, random) => {
  const texts = moduleSources();
  for (let at = from; at < to;) {
    const text = random.pick(texts);
    const start = random.chance(0.1) ? random.below(text.length) : 0;
    at += text.copy(image, at, start, Math.min(text.length, start + to - at));
    if (at < to) image[at] = 0;
    at += 1;
  }
};

/** A small number most of the time: the rank of something in the order of how often it occurs. */
const skewed = (random, limit, power = 3) => Math.floor(limit * (random.uint32() / 2 ** 32) ** power);

/** Picks from a list, most of the time one of those that were picked last, since like is near like in a heap. */
const makePicker = (list, { recent, repeats }, random) => {
  const last = [];
  return () => {
    const repeated = last.length === recent && random.chance(repeats);
    const picked = repeated ? random.pick(last) : list[skewed(random, list.length, 2)];
    if (!repeated) last.push(picked);
    if (last.length > recent) last.shift();
    return picked;
  };
};

/** How byte code is put together: an instruction that may have an operand. */
const instructions = random =>
  Array.from({ length: 120 }, (_, rank) => ({
    code: Buffer.from(Array.from({ length: 1 + random.below(4) }, () => random.below(256))),
    operand: rank % 3 === 0 ? 'name' : random.pick(['none', 'none', 'local', 'line']),
  }));

/** Instructions that occur together, as bytes with their operands. */
const makePhrase = (table, random) => {
  const operands = {
    none: () => [],
    name: () => {
      const id = skewed(random, 3700);
      return [id & 255, id >> 8, 0, 0];
    },
    local: () => [random.below(24)],
    line: () => [random.below(256), random.below(4)],
  };
  const bytes = [];
  for (let length = 4 + random.below(12); length > 0; length -= 1) {
    const { code, operand } = table[skewed(random, table.length)];
    bytes.push(...code, ...operands[operand]());
  }
  return Buffer.from(bytes);
};

/** Fills `[from, to)` with byte code: what occurs often, with a byte other than usual here and there. */
const fillCode = (image, from, to, random) => {
  const table = instructions(random);
  const phrases = Array.from({ length: 1500 }, () => makePhrase(table, random));
  const pick = makePicker(phrases, { recent: 60, repeats: 0.8 }, random);
  for (let at = from; at < to;) {
    const phrase = pick();
    const start = at;
    at += phrase.copy(image, at, 0, Math.min(phrase.length, to - at));
    if (random.chance(0.35)) image[start + random.below(at - start)] = random.below(256);
  }
};

/** Kinds of slots, flags and the like, by how often they occur. */
const kinds = [0x0b, 0x0b, 0x0b, 0x0a, 0x0a, 0x0a, 0x0d, 0x0d, 0x0d, 0x00, 0x00, 0x05, 0x03, 0x13, 0x01, 0x2a];
const flags = [0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x02, 0x02, 0x0a, 0x0a, 0x0e, 0x12, 0x52];

/** What the value of a slot is, by how often: mostly nothing, or what it is in all such objects. */
const values =
  'none none none none none none none same same same same same same same same recent recent near far address'.split(
    ' ',
  );

/** Objects that are made again and again: for each slot what is the same in all of them, and what its value is. */
const makeShapes = random =>
  Array.from({ length: 220 }, () =>
    Array.from({ length: 4 + random.below(28) }, () => ({
      kind: random.pick(kinds),
      flag: random.pick(flags),
      id: random.chance(0.3) ? 0 : skewed(random, 3700, 2),
      value: random.pick(values),
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
  const valueOf = {
    none: () => 0,
    same: ({ same }) => same,
    recent: () => Math.max(0, slot - random.below(12)),
    near: () => Math.max(0, slot - skewed(random, 4000)),
    far: () => random.below(total),
    address: () => (text += 32 * random.below(8)),
  };
  const pick = makePicker(shapes, { recent: 16, repeats: 0.93 }, random);
  while (slot < total) {
    const shape = pick();
    for (const [i, field] of shape.entries()) {
      const at = from + slot * slotSize;
      if (at + slotSize > to) return;
      image[at] = field.kind;
      image[at + 1] = field.flag;
      // What an object is a copy of may have got another name or flag since.
      image.writeUInt16LE(random.chance(0.01) ? skewed(random, 3700) : field.id, at + 4);
      image.writeUInt32LE(valueOf[field.value](field), at + 8);
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
