/** Heap images from a stream into the store. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { chunksOf } from '../lib/directory.mjs';
import { makeImages } from '../lib/inputs.mjs';

export const name = 'snapshot-save';
export const goal = 4;
export const stalls = true;
export const prepare = makeImages;

const sum = numbers => numbers.reduce((a, b) => a + b, 0);

export const run = async ({ api, input, store, measure }) => {
  const zlibSizes = JSON.parse(await readFile(path.join(input, 'images.json'), 'utf8'));
  const images = await Promise.all(zlibSizes.map((_, i) => readFile(path.join(input, `image-${i}`))));
  const { kernelStorage, hostStorage } = api.initSwingStore(store);
  const { saveSnapshot } = kernelStorage.snapStore;
  const results = [];
  await measure(async () => {
    for (const [i, image] of images.entries()) {
      results.push(await saveSnapshot('v1', i + 1, chunksOf(image)));
      await hostStorage.commit();
    }
  });
  await hostStorage.close();
  const figures = {
    uncompressed: sum(results.map(result => result.uncompressedSize)),
    compressed: sum(results.map(result => result.compressedSize)),
    zlibLevel6: sum(zlibSizes),
  };
  return { work: results.map(({ hash, uncompressedSize }) => [hash, uncompressedSize]), figures };
};
