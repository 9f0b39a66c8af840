/**
 * Generates images that compress like the heap snapshot of a vat's XS machine: first the source text of bundled modules and
 * their byte code, then the heap, in slots of 32 bytes.
 *
 * Proportions and frequencies are those of real images; `npm run bench -- --check-images DIR` compares them. The text is
 * that of modules that real vats contain and that are installed here.
 */
import { moduleSources } from './module-sources.mjs';
import { makeRandom } from './random.mjs';

const slotSize = 32;

/** The fraction of an image that is text, and the fraction that is text or byte code. */
const textPart = 0.39;
const codePart = 0.54;

/** Fills `[from, to)` with modules, some of which begin in the middle, as in the blocks of an arena. */
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

/** A random rank in an order by frequency: small ranks are the most probable. */
const skewed = (random, limit, power = 3) => Math.floor(limit * (random.uint32() / 2 ** 32) ** power);

/** Picks from a list, usually a recently picked element: in a heap, similar values are near each other. */
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

/** Generates an instruction of byte code, with or without an operand. */
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

/** Fills `[from, to)` with byte code: frequent sequences in which some bytes are changed. */
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

/** Kinds of slots and flags, in the order of their frequency. */
const kinds = [0x0b, 0x0b, 0x0b, 0x0a, 0x0a, 0x0a, 0x0d, 0x0d, 0x0d, 0x00, 0x00, 0x05, 0x03, 0x13, 0x01, 0x2a];
const flags = [0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x02, 0x02, 0x0a, 0x0a, 0x0e, 0x12, 0x52];

/** The kinds of a slot's value, by frequency: usually none, or the same as in all similar objects. */
const values =
  'none none none none none none none same same same same same same same same recent recent near far address'.split(
    ' ',
  );

/** Templates of objects: for each slot, the parts that all copies share, and the kind of its value. */
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
      // A copy may have another name or flag than its template.
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
 * @param {number} size in bytes
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
