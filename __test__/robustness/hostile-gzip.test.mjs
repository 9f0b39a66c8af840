// Stored snapshots that are unusual gzip files: the same result and bytes as with Node.js's gunzip, which the reference uses.
// (There an error ends the process, so the test calls gunzip directly.)
import '@endo/init/debug.js';

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { deflateRawSync, createGunzip, gzipSync } from 'node:zlib';
import test from 'ava';
import { makeRandom } from '../../bench/lib/random.mjs';
import { initSwingStore, verifySwingStore } from '../../index.mjs';
import { seed } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');

/** The contents of a complete file according to Node.js, or null. */
const gunzip = file =>
  new Promise(resolve => {
    const chunks = [];
    const stream = createGunzip();
    stream.on('data', chunk => chunks.push(chunk));
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', () => resolve(null));
    stream.end(file);
  });

const image = Buffer.from('an image, '.repeat(3000));
const good = gzipSync(image);
const other = gzipSync('another');
const bytes = (...values) => Buffer.from(values);

/** The valid file with other flags, and fields after its header. */
const withFields = (flags, ...fields) => {
  const header = Buffer.from(good.subarray(0, 10));
  header[3] = flags;
  return Buffer.concat([header, ...fields.map(field => Buffer.from(field)), good.subarray(10)]);
};

const changed = (at, value) => {
  const file = Buffer.from(good);
  file[(at + file.length) % file.length] ^= value;
  return file;
};

const behind = (...parts) => Buffer.concat([good, ...parts]);

const files = {
  'as it is': good,
  'zeros behind': behind(Buffer.alloc(1)),
  'many zeros behind': behind(Buffer.alloc(100_000)),
  'zeros and another behind': behind(Buffer.alloc(3), other),
  'a byte behind': behind(bytes(1)),
  'a letter behind': behind(Buffer.from('x')),
  'text behind': behind(Buffer.from('trailing garbage')),
  'half a magic number behind': behind(bytes(0x1f)),
  'a magic number behind': behind(bytes(0x1f, 0x8b)),
  'a magic number and more behind': behind(bytes(0x1f, 0x8b, 8)),
  'a header behind': behind(good.subarray(0, 10)),
  'half a member behind': behind(other.subarray(0, other.length - 3)),
  'another behind': behind(other),
  'an empty one behind': behind(gzipSync('')),
  'another and zeros behind': behind(other, Buffer.alloc(9)),
  'another and text behind': behind(other, Buffer.from('text')),
  'another of wrong contents behind': behind(changed(-1, 1)),
  'an empty one': gzipSync(''),
  'an empty one before': Buffer.concat([gzipSync(''), good]),
  nothing: Buffer.alloc(0),
  'nothing but zeros': Buffer.alloc(20),
  'a wrong checksum': changed(-8, 1),
  'a wrong length': changed(-1, 1),
  'another compression method': changed(2, 1),
  'another magic number': changed(0, 1),
  'a reserved flag': withFields(0x20),
  'another reserved flag': withFields(0x80),
  'a text flag': withFields(0x01),
  'a name': withFields(0x08, 'name\0'),
  'a name without an end': withFields(0x08),
  'a comment': withFields(0x10, 'comment\0'),
  'an extra field': withFields(0x04, '\x03\0abc'),
  'an extra field that is too long': withFields(0x04, '\xff\xff'),
  'a name and a comment': withFields(0x18, 'name\0', 'comment\0'),
  'a wrong header checksum': withFields(0x02, '\0\0'),
  'no gzip header': deflateRawSync(image),
  text: Buffer.from('not gzip at all'),
};

/** A member in our format, whose header contains its length, optionally a wrong one. */
const member = (contents, { hidden = Buffer.alloc(0), length, size, checksum } = {}) => {
  const plain = gzipSync(contents);
  const footer = Buffer.from(plain.subarray(-8));
  if (size !== undefined) footer.writeUInt32LE(size, 4);
  if (checksum !== undefined) footer.writeUInt32LE(checksum, 0);
  const deflated = plain.subarray(10, -8);
  const header = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, 0x49, 0x47, 4, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(length ?? header.length + deflated.length + hidden.length + 8, 16);
  return Buffer.concat([header, deflated, hidden, footer]);
};

const [first, second, third] = ['one, ', 'two, ', 'three, '].map(word => Buffer.from(word.repeat(40)));
const footerOf = contents => gzipSync(contents).subarray(-8);

/** Images of several members in our format, some with bytes that only some readers see. */
const images = {
  'three members': Buffer.concat([first, second, third].map(contents => member(contents))),
  'garbage before the footer': Buffer.concat([member(first, { hidden: Buffer.from('garbage') }), member(second)]),
  'a footer and garbage before the footer': Buffer.concat([
    member(first, { hidden: Buffer.concat([footerOf(first), Buffer.from('garbage')]) }),
    member(second),
  ]),
  'a footer and zeros before the footer': Buffer.concat([
    member(first, { hidden: Buffer.concat([footerOf(first), Buffer.alloc(9)]) }),
    member(second),
  ]),
  'a member in a member': Buffer.concat([
    member(first, { hidden: Buffer.concat([footerOf(first), member(second), first]) }),
    member(third),
  ]),
  'two members with one length': Buffer.concat([
    member(first, { length: member(first).length + member(second).length }),
    member(second),
  ]),
  'a length that ends within the data': Buffer.concat([member(first, { length: 30 }), member(second)]),
  'a length beyond the file': member(first, { length: 2 ** 31 }),
  'a length of nothing': Buffer.concat([member(first, { length: 0 }), member(second)]),
  'too small a size': Buffer.concat([member(first, { size: 1 }), member(second)]),
  'too large a size': Buffer.concat([member(first), member(second, { size: second.length + 1 })]),
  'an enormous size': Buffer.concat([member(first), member(second, { size: 0xffff_ffff })]),
  'a wrong checksum of the first': Buffer.concat([member(first, { checksum: 7 }), member(second)]),
  'a wrong checksum of the last': Buffer.concat([member(first), member(second, { checksum: 7 })]),
  'an empty member': Buffer.concat([member(first), member(Buffer.alloc(0)), member(second)]),
  'zeros between members': Buffer.concat([member(first), Buffer.alloc(5), member(second)]),
};

const compare = async (t, named) => {
  const { kernelStorage, hostStorage, internal } = initSwingStore(null, { keepSnapshots: true });
  const { snapStore } = kernelStorage;
  await snapStore.saveSnapshot('v1', 1, [image]);
  await hostStorage.commit();
  const put = internal.db.prepare('UPDATE snapshots SET compressedSnapshot = ?, hash = ?, uncompressedSize = ?');
  const taken = { both: 0, neither: 0 };
  for (const [name, file] of named) {
    const theirs = await gunzip(file);
    put.run(file, sha256(theirs ?? image), (theirs ?? image).length);
    const read = async chunks => {
      const all = [];
      for await (const chunk of chunks) all.push(chunk);
      return Buffer.concat(all);
    };
    // Without and with the hash.
    const ours = await read(internal.snapStore.exportSnapshot('snapshot.v1.1')).catch(() => null);
    const loaded = await read(snapStore.loadSnapshot('v1')).catch(() => null);
    t.deepEqual(loaded, theirs === null ? null : ours, name);
    t.is(ours === null, theirs === null, `${name}: ${ours ? 'only we take it' : 'only gunzip takes it'}`);
    t.true(ours === null || theirs === null || ours.equals(theirs), name);
    taken[ours ? 'both' : 'neither'] += 1;
  }
  await hostStorage.close();
  return taken;
};

test('unusual gzip files', async t => {
  t.deepEqual(await compare(t, Object.entries(files)), { both: 14, neither: 23 });
});

test('images of several members', async t => {
  t.deepEqual(await compare(t, Object.entries(images)), { both: 8, neither: 8 });
});

test('spoiled images of several members', async t => {
  const { below } = makeRandom(seed + 1);
  const bases = Object.values(images);
  const spoiled = Array.from({ length: 250 }, (_, round) => {
    let file = Buffer.from(bases[below(bases.length)]);
    const at = below(file.length);
    const kind = below(5);
    if (kind === 0) file = file.subarray(0, at);
    else if (kind === 1) file = Buffer.concat([file.subarray(0, at), file.subarray(at + 1 + below(9))]);
    else if (kind === 2) file = Buffer.concat([file.subarray(0, at), Buffer.alloc(1 + below(9)), file.subarray(at)]);
    else if (kind === 3) file.writeUInt32LE(below(file.length), 16);
    else file[at] ^= 2 ** below(8);
    return [`round ${round}`, file];
  });
  const { both, neither } = await compare(t, spoiled);
  t.true(both > 3 && neither > 100, `${both} were read, and ${neither} refused`);
});

test('verify reads as strictly as gunzip', async t => {
  // An "a", in a code with more lengths than zlib accepts.
  const deflated = Buffer.from('f5c08100000000009056ff135204', 'hex');
  const plain = member(Buffer.from('a'));
  const file = Buffer.concat([plain.subarray(0, 20), deflated, plain.subarray(-8)]);
  file.writeUInt32LE(file.length, 16);
  t.is(await gunzip(file), null);
  await inTempDir(async dir => {
    const { kernelStorage, hostStorage, internal } = initSwingStore(dir, { keepSnapshots: true });
    kernelStorage.transcriptStore.initTranscript('v1');
    await kernelStorage.snapStore.saveSnapshot('v1', 1, [Buffer.from('a')]);
    const kinds = async () => (await verifySwingStore(dir)).findings.map(({ kind }) => kind).sort();
    await hostStorage.commit();
    const before = await kinds();
    t.false(before.includes('snapshot-gzip'));
    internal.db.prepare('UPDATE snapshots SET compressedSnapshot = ?').run(file);
    await hostStorage.commit();
    t.deepEqual(await kinds(), [...before, 'snapshot-gzip'].sort());
    await hostStorage.close();
  });
});

test('spoiled gzip files', async t => {
  const { below } = makeRandom(seed);
  const bases = Object.values(files).filter(({ length }) => length > 0 && length < 1000);
  const spoiled = Array.from({ length: 250 }, (_, round) => {
    const file = Buffer.from(bases[below(bases.length)]);
    if (below(4) === 0) return [`round ${round}`, file.subarray(0, below(file.length + 1))];
    file[below(file.length)] ^= 2 ** below(8);
    return [`round ${round}`, file];
  });
  const { both, neither } = await compare(t, spoiled);
  t.true(both > 3 && neither > 100, `${both} were read, and ${neither} refused`);
});
