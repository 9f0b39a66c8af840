/** Generates keys, values and transcript items similar to a SwingSet kernel's. */

const words = 'brand amount issuer purse offer vault price quote seat payment mint ledger board reserve'.split(' ');

/** The key with number `i`. All keys differ. */
export const keyOf = i => {
  if (i % 4 === 0) return `ko${i}.refCount`;
  if (i % 4 === 1) return `v${i % 40}.c.ko${i}`;
  return `v${i % 40}.vs.vom.o+d${i % 23}/${i}`;
};

const capData = random => {
  const [name, other] = [random.pick(words), random.pick(words)];
  const value = random.uint32();
  const body = `#{\\"${other}\\":\\"$0.Alleged: ${name}\\",\\"value\\":\\"+${value}\\"}`;
  return `{"${name}":{"body":"${body}","slots":["o+d${value % 97}/${value % 9973}"]}}`;
};

/** A value for key `i`: short for reference counts and c-lists, longer for the state of objects. */
export const valueOf = (i, random) => {
  if (i % 4 === 0) return `${1 + random.below(9)},${1 + random.below(9)}`;
  if (i % 4 === 1) return `R o+d${random.below(50)}/${random.below(100_000)}`;
  return capData(random);
};

/** A transcript item: a delivery with its syscalls, as JSON of about `length` characters. */
export const transcriptItem = (random, length) => {
  const slots = [`ko${random.below(1e5)}`, `kp${random.below(1e5)}`];
  const methargs = { body: `#["${random.pick(words)}",["+${random.uint32()}"]]`, slots };
  const sc = [];
  const item = { d: ['message', `o+d11/${random.below(1e4)}`, { methargs, result: `p-${random.below(1e5)}` }], sc };
  let size = JSON.stringify(item).length;
  while (size < length - 90) {
    const entry = { s: ['vatstoreGet', `vom.o+d${random.below(40)}/${random.below(1e4)}`], r: ['ok', capData(random)] };
    sc.push(entry);
    size += JSON.stringify(entry).length + 1;
  }
  return JSON.stringify(item);
};

/** A pool of items to use in turn, so that generating them takes no time during a measurement. */
export const itemPool = (random, count, length) => Array.from({ length: count }, () => transcriptItem(random, length));
