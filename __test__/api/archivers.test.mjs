// Archive callbacks: their use of the given powers, and when the addon writes instead.
import fs from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import test from 'ava';

import { initSwingStore, makeArchiveSnapshot, makeArchiveTranscript, nativeArchivePowers } from '../../index.mjs';
import { temporaryDirectory } from '../support/common/temporary-directory.mjs';

/** Powers that log what they are asked, and keep what is written as the chunks that it is written in. */
const makePowers = ({ fails = false } = {}) => {
  const log = [];
  const chunks = [];
  const note = (name, ...args) => log.push([name, ...args]);
  return {
    log,
    chunks,
    fs: {
      mkdirSync: (...args) => note('mkdirSync', ...args),
      createWriteStream(...args) {
        note('createWriteStream', ...args);
        return new Writable({
          write(chunk, _encoding, done) {
            chunks.push(chunk);
            done(fails ? Error('the disk is full') : null);
          },
        });
      },
      renameSync: (...args) => note('renameSync', ...args),
    },
    path: { join: (...parts) => parts.join('|') },
    tmp: {
      fileSync(options) {
        note('fileSync', options);
        return { name: 'temporary', fd: 77, removeCallback: () => note('removeCallback') };
      },
    },
  };
};

const FILE = ['fileSync', { tmpdir: 'dir', prefix: 'name', postfix: '.gz.tmp', detachDescriptor: true }];
const STREAM = ['createWriteStream', '', { fd: 77, flush: true }];

test('a file is written under another name and renamed', async t => {
  for (const make of [makeArchiveSnapshot, makeArchiveTranscript]) {
    const powers = makePowers();
    const archive = make('dir', powers);
    t.deepEqual(powers.log.splice(0), [['mkdirSync', 'dir', { recursive: true }]]);
    await archive('name', [Buffer.from('contents')]);
    t.deepEqual(powers.log, [FILE, STREAM, ['renameSync', 'temporary', 'dir|name.gz'], ['removeCallback']]);
    const written = Buffer.concat(powers.chunks);
    t.is(`${make === makeArchiveSnapshot ? written : gunzipSync(written)}`, 'contents');
  }
  const powers = makePowers({ fails: true });
  const archive = makeArchiveSnapshot('dir', powers);
  powers.log.length = 0;
  await t.throwsAsync(archive('name', 'contents'), { message: 'the disk is full' });
  t.deepEqual(powers.log, [FILE, STREAM, ['removeCallback']]);
});

test('small pieces are joined, large ones are written unchanged', async t => {
  const sizesOf = async data => {
    const powers = makePowers();
    await makeArchiveSnapshot('dir', powers)('name', data);
    return powers.chunks.map(({ length }) => length);
  };
  const pieces = (count, size) => Array.from({ length: count }, () => Buffer.alloc(size));
  t.deepEqual(await sizesOf(pieces(10, 10_000)), [70_000, 30_000]);
  t.deepEqual(await sizesOf(pieces(2, 65_536)), [65_536, 65_536]);
  t.deepEqual(await sizesOf(pieces(2, 65_535)), [131_070]);
  t.deepEqual(await sizesOf([...pieces(2, 0), ...pieces(1, 5), ...pieces(1, 0)]), [5]);
  t.deepEqual(await sizesOf(pieces(3, 0)), []);
  t.deepEqual(await sizesOf([]), []);
  t.deepEqual(await sizesOf(['text ', 'and more', new Uint8Array(3)]), [16]);
  // One piece by itself.
  t.deepEqual(await sizesOf('x'.repeat(100_000)), [100_000]);
  t.deepEqual(await sizesOf(new Uint8Array(100_000)), [100_000]);
  const later = (async function* () {
    yield* pieces(2, 4);
  })();
  t.deepEqual(await sizesOf(later), [8]);
});

test('a value that is not bytes is refused after the bytes before it are written', async t => {
  for (const wrong of [7, {}, [1]]) {
    const powers = makePowers();
    const archive = makeArchiveSnapshot('dir', powers);
    await t.throwsAsync(archive('name', [Buffer.from('before'), wrong, Buffer.from('after')]), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
    t.is(`${Buffer.concat(powers.chunks)}`, 'before');
    t.deepEqual(powers.log.at(-1), ['removeCallback']);
    const first = makePowers();
    await t.throwsAsync(makeArchiveSnapshot('dir', first)('name', [wrong]), { code: 'ERR_INVALID_ARG_TYPE' });
    t.deepEqual(first.chunks, []);
  }
});

test('the powers of this package write files for any caller', async t => {
  const dir = temporaryDirectory(t, 'archivers');
  const to = path.join(dir, 'a', 'b');
  const archive = makeArchiveTranscript(to, nativeArchivePowers);
  await archive('name', ['one\n', 'two\n']);
  t.deepEqual(fs.readdirSync(to), ['name.gz']);
  t.is(`${gunzipSync(fs.readFileSync(path.join(to, 'name.gz')))}`, 'one\ntwo\n');
  await makeArchiveSnapshot(to, nativeArchivePowers)('name', 'as it is');
  t.is(`${fs.readFileSync(path.join(to, 'name.gz'))}`, 'as it is');
  for (const part of [nativeArchivePowers, ...Object.values(nativeArchivePowers)]) t.true(Object.isFrozen(part));

  const file = nativeArchivePowers.tmp.fileSync({ tmpdir: dir, prefix: 'begin', postfix: '.end' });
  t.is(path.dirname(file.name), dir);
  t.regex(path.basename(file.name), new RegExp(`^begin-${process.pid}-[0-9a-f-]{36}\\.end$`));
  if (process.platform !== 'win32') t.is(fs.statSync(file.name).mode & 0o777, 0o600);
  fs.writeSync(file.fd, 'x');
  fs.closeSync(file.fd);
  file.removeCallback();
  t.false(fs.existsSync(file.name));
  t.notThrows(() => file.removeCallback());
});

/** Fills a store that archives; returns the files that come of it, unpacked. */
const archived = async (dir, { archiveTranscript, archiveSnapshot }) => {
  const { kernelStorage, hostStorage } = initSwingStore(null, { archiveTranscript, archiveSnapshot });
  const { transcriptStore, snapStore } = kernelStorage;
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'zero');
  await snapStore.saveSnapshot('v1', 1, [Buffer.from('snapshot')]);
  await transcriptStore.rolloverSpan('v1');
  await hostStorage.close();
  const unpack = bytes => (bytes[0] === 0x1f && bytes[1] === 0x8b ? unpack(gunzipSync(bytes)) : `${bytes}`);
  const names = fs.readdirSync(dir).sort();
  return Object.fromEntries(names.map(name => [name, unpack(fs.readFileSync(path.join(dir, name)))]));
};

test('a vat without a span', async t => {
  const dir = temporaryDirectory(t, 'archivers');
  for (const powers of [nativeArchivePowers, { ...nativeArchivePowers }]) {
    const { kernelStorage, hostStorage } = initSwingStore(null, {
      archiveTranscript: makeArchiveTranscript(dir, powers),
    });
    const { rolloverSpan, stopUsingTranscript } = kernelStorage.transcriptStore;
    await t.throwsAsync(rolloverSpan('v9'), { message: /no current transcript/ });
    await stopUsingTranscript('v9').catch(error => t.regex(error.message, /no current transcript/));
    await hostStorage.close();
  }
  t.deepEqual(fs.readdirSync(dir), []);
});

test.serial('a store lets the addon write only for the archivers of this package', async t => {
  const base = temporaryDirectory(t, 'archivers');
  const both = { 'snapshot.v1.1.gz': 'snapshot', 'transcript.v1.0.1.gz': 'zero\n' };
  const spied = () => {
    const calls = [];
    const original = fs.createWriteStream;
    t.teardown(() => (fs.createWriteStream = original));
    fs.createWriteStream = (...args) => {
      calls.push(args);
      return Reflect.apply(original, fs, args);
    };
    return calls;
  };
  const calls = spied();
  const attempt = async (name, makeTranscript, makeSnapshot) => {
    const dir = path.join(base, name);
    calls.length = 0;
    const options = { archiveTranscript: makeTranscript?.(dir), archiveSnapshot: makeSnapshot?.(dir) };
    return { files: await archived(dir, options), calls: calls.length };
  };
  const transcript = powers => dir => makeArchiveTranscript(dir, powers);
  const snapshot = powers => dir => makeArchiveSnapshot(dir, powers);
  const native = await attempt('native', transcript(nativeArchivePowers), snapshot(nativeArchivePowers));
  t.deepEqual(native, { files: both, calls: 0 });
  const copy = { ...nativeArchivePowers };
  t.deepEqual(await attempt('copied', transcript(copy), snapshot(copy)), { files: both, calls: 2 });
  const wrapped = make => dir => {
    const archive = make(dir);
    return (...args) => archive(...args);
  };
  t.deepEqual(
    await attempt('wrapped', wrapped(transcript(nativeArchivePowers)), wrapped(snapshot(nativeArchivePowers))),
    { files: both, calls: 2 },
  );
  // One that was made for the other kind is called.
  t.deepEqual(await attempt('crossed', snapshot(nativeArchivePowers), transcript(nativeArchivePowers)), {
    files: both,
    calls: 2,
  });
  t.deepEqual(await attempt('one', transcript(nativeArchivePowers)), {
    files: { 'transcript.v1.0.1.gz': 'zero\n' },
    calls: 0,
  });
});
