// The gzip files of snapshots: other programs read ours, we read theirs, and damage is found in every part, with Node.js's
// messages.
import '@endo/init/debug.js';

import test from 'ava';
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { reference, subject } from '../support/common/implementations.mjs';
import { tinyLimits } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

// What is compressed in one go.
const block = tinyLimits ? 600 : 256 << 10;

/** Bytes that compress to about a third, no two stretches of them the same. */
const makeImage = size => {
  const pieces = [];
  for (let at = 0; at < size; at += 96) {
    const noise = createHash('sha256').update(`${at}`).digest();
    pieces.push(noise, Buffer.alloc(64, at >> 5));
  }
  return Buffer.concat(pieces).subarray(0, size);
};

async function* inChunks(image, length) {
  for (let at = 0; at < image.length; at += length) yield image.subarray(at, at + length);
}

const collect = async stream => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const save = async ({ api }, dir, image, chunkLength = 65_536) => {
  const { kernelStorage, hostStorage, debug } = api.initSwingStore(dir);
  const result = await kernelStorage.snapStore.saveSnapshot('v1', 1, inChunks(image, chunkLength));
  const { file } = debug.getDatabase().prepare('SELECT compressedSnapshot AS file FROM snapshots').get();
  await hostStorage.commit();
  await hostStorage.close();
  return { ...result, file };
};

const load = async ({ api }, dir) => {
  const { kernelStorage, hostStorage } = api.openSwingStore(dir);
  try {
    return await collect(kernelStorage.snapStore.loadSnapshot('v1'));
  } finally {
    await hostStorage.close();
  }
};

const putFile = async ({ api }, dir, file) => {
  const { hostStorage, debug } = api.openSwingStore(dir);
  const db = debug.getDatabase();
  db.exec('BEGIN');
  db.prepare('UPDATE snapshots SET compressedSnapshot = ?').run(file);
  await hostStorage.commit();
  await hostStorage.close();
};

const sizes = [0, 1, 50, block - 1, block, block + 1, 2 * block, Math.floor(3.1 * block)];

test('every gzip reader reads our snapshots', async t => {
  await inTempDir(async dir => {
    for (const size of sizes) {
      const image = makeImage(size);
      const { file, hash, compressedSize, uncompressedSize } = await save(subject, dir, image);
      t.is(uncompressedSize, size);
      t.is(compressedSize, file.length);
      t.true(gunzipSync(file).equals(image), `zlib, ${size} bytes`);
      t.true((await load(reference, dir)).equals(image), `the reference, ${size} bytes`);
      t.true((await load(subject, dir)).equals(image), `ourselves, ${size} bytes`);
      // The same image in other chunks.
      const again = await save(subject, dir, image, 99_991);
      t.is(again.hash, hash);
      t.true(again.file.equals(file), `the same file, ${size} bytes`);
    }
  });
});

test("we read the reference's snapshots", async t => {
  await inTempDir(async dir => {
    for (const size of sizes) {
      const image = makeImage(size);
      await save(reference, dir, image);
      t.true((await load(subject, dir)).equals(image), `${size} bytes`);
    }
  });
});

test('concurrent snapshots', async t => {
  await inTempDir(async dir => {
    const images = Array.from({ length: 8 }, (_, i) => makeImage(2 * block + i));
    const { kernelStorage, hostStorage } = subject.api.initSwingStore(dir);
    const { saveSnapshot, loadSnapshot } = kernelStorage.snapStore;
    await Promise.all(images.map((image, i) => saveSnapshot(`v${i}`, 1, inChunks(image, 50_000))));
    const found = await Promise.all(images.map((_, i) => collect(loadSnapshot(`v${i}`))));
    for (const [i, image] of images.entries()) t.true(found[i].equals(image), `v${i}`);
    await hostStorage.close();
  });
});

test('damage is found in the files of both implementations', async t => {
  await inTempDir(async dir => {
    const image = makeImage(Math.floor(2.2 * block));
    const { file } = await save(subject, dir, image);
    const theirs = gzipSync(image);
    const changed = (bytes, at) => {
      const copy = Buffer.from(bytes);
      copy[at] ^= 0xff;
      return copy;
    };
    const damaged = [
      [changed(file, file.length - 8), 'incorrect data check'],
      [changed(theirs, theirs.length - 8), 'incorrect data check'],
      [changed(file, 0), 'incorrect header check'],
      [file.subarray(0, file.length - 3), 'unexpected end of file'],
      [file.subarray(0, block >> 2), 'unexpected end of file'],
      [theirs.subarray(0, block >> 2), 'unexpected end of file'],
      [Buffer.from('no gzip at all'), 'incorrect header check'],
    ];
    for (const [bytes, message] of damaged) {
      await putFile(subject, dir, bytes);
      t.throws(() => gunzipSync(bytes), { message });
      await t.throwsAsync(load(subject, dir), { message });
    }
    // Damage where there is nothing but compressed data, in each third of the file.
    for (const part of [1, 3, 5]) {
      await putFile(subject, dir, changed(file, Math.floor((file.length * part) / 6)));
      await t.throwsAsync(load(subject, dir));
    }
    await putFile(subject, dir, file);
    t.true((await load(subject, dir)).equals(image));
  });
});
