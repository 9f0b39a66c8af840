/** Saves heap images from a stream. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeCommitClock } from '../lib/commit-clock.mjs';
import { chunksOf } from '../lib/directory.mjs';
import { imageFiles } from '../lib/inputs.mjs';

export const name = 'snapshot-save';
export const goal = 4;
export const stalls = true;
export const input = imageFiles;
export const sizes = imageFiles.sizes;
export const unit = 'MB';

const sum = numbers => numbers.reduce((a, b) => a + b, 0);
const readSizes = async dir => JSON.parse(await readFile(path.join(dir, 'images.json'), 'utf8'));

export const limit = {
  what: 'libdeflate at level 1 on one thread: no hash, no stream, no database',
  prepare: async ({ input: from }) => {
    const files = (await readSizes(from)).map((_, i) => `image-${i}`);
    const bytes = await Promise.all(files.map(async file => (await stat(path.join(from, file))).size));
    return { command: ['deflate', ...files.map(file => `input:${file}`)], hash: sum(bytes) };
  },
};

export const run = async ({ api, input: from, store, measure }) => {
  const zlibSizes = await readSizes(from);
  const images = await Promise.all(zlibSizes.map((_, i) => readFile(path.join(from, `image-${i}`))));
  const { kernelStorage, hostStorage } = api.initSwingStore(store);
  const { saveSnapshot } = kernelStorage.snapStore;
  const results = [];
  const clock = makeCommitClock(hostStorage);
  await measure(async () => {
    for (const [i, image] of images.entries()) {
      results.push(await saveSnapshot('v1', i + 1, chunksOf(image)));
      await clock.commit();
    }
  });
  await hostStorage.close();
  const uncompressed = sum(results.map(result => result.uncompressedSize));
  const compressed = sum(results.map(result => result.compressedSize));
  return {
    work: results.map(({ hash, uncompressedSize }) => [hash, uncompressedSize]),
    units: uncompressed / 1e6,
    figures: { commit: clock.seconds(), uncompressed, compressed, zlibLevel6: sum(zlibSizes) },
  };
};
