// Values that no caller should pass.
const unhappy = what => () => {
  throw Error(`${what} is unhappy`);
};

/** An object that throws at every operation. */
const proxyThatThrows = target =>
  new Proxy(
    target,
    Object.fromEntries(
      Object.getOwnPropertyNames(Reflect)
        .filter(name => typeof Reflect[name] === 'function')
        .map(name => [name, unhappy(`the trap ${name}`)]),
    ),
  );

/** Throws when an option of any name is read. */
const optionsThatThrow = () =>
  new Proxy({}, { get: unhappy('a getter'), has: () => true, ownKeys: unhappy('the list of keys') });

const detached = () => {
  const bytes = new Uint8Array(1000);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
};

/** Claims to be longer than it is. */
const lying = () => {
  const bytes = new Uint8Array([1, 2, 3]);
  for (const name of ['length', 'byteLength']) Object.defineProperty(bytes, name, { value: 2 ** 40 });
  return bytes;
};

const lyingBuffer = () => Object.defineProperty(Buffer.from('abc'), 'length', { value: 2 ** 31 });

/** Makes values, by description. */
export const hostileValues = {
  undefined: () => undefined,
  null: () => null,
  zero: () => 0,
  'a negative number': () => -1,
  'a fraction': () => 0.5,
  'a large number': () => 2 ** 60,
  NaN: () => NaN,
  Infinity: () => Infinity,
  'a bigint': () => 7n,
  'a huge bigint': () => 2n ** 200n,
  true: () => true,
  'a symbol': () => Symbol('s'),
  'an object': () => ({}),
  'an object without prototype': () => Object.create(null),
  'an array': () => [],
  'a function': () => () => {},
  'a date that is none': () => new Date(NaN),
  'a promise': () => Promise.resolve('late'),
  'an empty string': () => '',
  'half a pair': () => '\ud800',
  NUL: () => 'a\0b',
  'a huge string': () => 'x'.repeat(2 ** 20),
  'a string object': () => Object('v1'),
  'something that turns into nothing': () => ({ toString: unhappy('toString'), valueOf: unhappy('valueOf') }),
  'a proxy that throws': () => proxyThatThrows({}),
  'a proxy of a function that throws': () => proxyThatThrows(() => {}),
  'options that throw': optionsThatThrow,
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'detached bytes': detached,
};

/** Makes chunks of streams, by description. */
export const hostileChunks = {
  ...hostileValues,
  'a string': () => 'text',
  'shared bytes': () => new Uint8Array(new SharedArrayBuffer(1000)),
  'an array buffer': () => new ArrayBuffer(8),
  'a view of data': () => new DataView(new ArrayBuffer(8)),
  'an array of doubles': () => new Float64Array(8),
  'an array of large integers': () => new BigUint64Array(8),
  'a shorter resizable buffer': () => {
    const buffer = new ArrayBuffer(1000, { maxByteLength: 2000 });
    const bytes = new Uint8Array(buffer, 500, 400);
    buffer.resize(100);
    return bytes;
  },
  'bytes that lie about their length': lying,
  'a buffer that lies about its length': lyingBuffer,
  'a proxy of bytes': () => new Proxy(new Uint8Array(8), {}),
  'an object that looks like bytes': () => ({
    length: 2 ** 31,
    byteLength: 2 ** 31,
    buffer: new ArrayBuffer(8),
    byteOffset: 0,
  }),
  'no bytes at all': () => new Uint8Array(0),
};

/** Makes invalid streams of valid chunks. */
export const hostileStreams = {
  'no stream': () => 7,
  nothing: () => undefined,
  'an empty stream': () => [],
  'an iterator getter that throws': () => ({
    get [Symbol.asyncIterator]() {
      throw Error('no iterator today');
    },
  }),
  'an iterator that is none': () => ({ [Symbol.asyncIterator]: () => 7 }),
  'steps that are no objects': () => ({ [Symbol.asyncIterator]: () => ({ next: () => 7 }) }),
  'steps that are undefined': () => ({ [Symbol.asyncIterator]: () => ({ next: async () => undefined }) }),
  'a next that throws': () => ({ [Symbol.asyncIterator]: () => ({ next: unhappy('next') }) }),
  'a next that throws what is no error': () => ({
    [Symbol.asyncIterator]: () => ({
      next() {
        throw undefined;
      },
    }),
  }),
  'a next that is rejected': () => ({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(Error('not next')) }),
  }),
  'a return that throws': () => ({
    [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true }), return: unhappy('return') }),
  }),
  async *'a stream that throws half-way'() {
    yield Buffer.from('half');
    throw Error('the stream is unhappy');
  },
  async *'chunks that change once they were given'() {
    const bytes = Buffer.from('one\ntwo\n'.repeat(10_000));
    yield bytes;
    bytes.fill(0);
  },
  async *'chunks that are detached once they were given'() {
    const bytes = new Uint8Array(100_000).fill(65);
    yield bytes;
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    yield bytes;
  },
};
