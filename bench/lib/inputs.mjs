/** Makers of stores that phases have as input. Phases that use the same one share what it made. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeArchiveBundle } from '../../scripts/demo/archive.mjs';
import { chunksOf, writeArtifacts, writeExportData, writeManifest } from './directory.mjs';
import { makeHeapImage } from './heap-image.mjs';
import { itemPool, keyOf, valueOf } from './kernel-data.mjs';
import { makeRandom } from './random.mjs';

export const keyCount = 100_000;
export const imageSize = 10_000_000;
export const vatIDs = Array.from({ length: 20 }, (_, i) => `v${i + 1}`);

const storeIn = input => path.join(input, 'store');

const setKeys = (kvStore, count) => {
  const random = makeRandom(1);
  for (let i = 0; i < count; i += 1) kvStore.set(keyOf(i), valueOf(i, random));
};

/** Gives each vat so many full spans, and a current one that is half full. */
const addSpans = async ({ transcriptStore }, vats, spans, itemsPerSpan, itemLength) => {
  const pool = itemPool(makeRandom(2), 400, itemLength);
  let next = 0;
  const addItems = (vatID, count) => {
    for (let i = 0; i < count; i += 1) transcriptStore.addItem(vatID, pool[(next += 1) % pool.length]);
  };
  for (const vatID of vats) {
    transcriptStore.initTranscript(vatID);
    for (let span = 0; span < spans; span += 1) {
      addItems(vatID, itemsPerSpan);
      await transcriptStore.rolloverSpan(vatID);
    }
    addItems(vatID, Math.ceil(itemsPerSpan / 2));
  }
};

const makeStore = async ({ api, input }, fill, options) => {
  const { kernelStorage, hostStorage } = api.initSwingStore(storeIn(input), options);
  await fill(kernelStorage);
  await hostStorage.commit();
  await hostStorage.close();
};

/** 100,000 keys. */
export const makeKeyStore = context =>
  makeStore(context, ({ kvStore }) => setKeys(kvStore, context.size(keyCount)));

/** 20 vats with 5 spans and a half of 200 items of 2.8 kB: 22,000 items. */
export const makeTranscripts = context =>
  makeStore(context, storage => addSpans(storage, vatIDs, 5, context.size(200), 2800));

/** 20 vats with 49 spans and a half of 200 small items: 198,000 items. */
export const makeManyItems = context =>
  makeStore(context, storage => addSpans(storage, vatIDs, 49, context.size(200), 300));

/** One vat with 3,000 spans of 50 items and a snapshot for each. */
export const makeManySpans = context =>
  makeStore(
    context,
    async ({ transcriptStore, snapStore }) => {
      const pool = itemPool(makeRandom(3), 100, 800);
      transcriptStore.initTranscript('v1');
      for (let span = 0; span < context.size(3000); span += 1) {
        for (let i = 0; i < 50; i += 1) transcriptStore.addItem('v1', pool[i + (span % 50)]);
        await snapStore.saveSnapshot('v1', (span + 1) * 50, chunksOf(Buffer.alloc(4000, span)));
        await transcriptStore.rolloverSpan('v1');
      }
    },
    { keepSnapshots: true },
  );

const imagesOf = ({ size }, count) => Array.from({ length: count }, (_, i) => makeHeapImage(i, size(imageSize)));

/** Six heap images in files, and how small zlib makes them. */
export const makeImages = async context => {
  const zlibSizes = [];
  for (const [i, image] of imagesOf(context, 6).entries()) {
    await writeFile(path.join(context.input, `image-${i}`), image);
    zlibSizes.push(gzipSync(image, { level: 6 }).length);
  }
  await writeFile(path.join(context.input, 'images.json'), JSON.stringify(zlibSizes));
};

const saveImages = async ({ snapStore }, images) => {
  for (const [i, image] of images.entries()) await snapStore.saveSnapshot(vatIDs[i], 1, chunksOf(image));
};

/** Ten vats with a snapshot each. */
export const makeSnapshots = context =>
  makeStore(context, storage => saveImages(storage, imagesOf(context, 10)));

const addBundles = ({ bundleStore }, count, modules) => {
  const random = makeRandom(4);
  for (let i = 0; i < count; i += 1) {
    const { bundleID, bundle } = makeArchiveBundle(`contract-${i}`, itemPool(random, modules, 1000));
    bundleStore.addBundle(bundleID, bundle);
  }
};

/** A store with all there is, and its archival export as a directory. */
export const makeWhole = async context => {
  await makeStore(context, async storage => {
    setKeys(storage.kvStore, context.size(50_000));
    await addSpans(storage, vatIDs, 5, context.size(200), 2800);
    await saveImages(storage, imagesOf(context, 3));
    addBundles(storage, 4, context.size(800));
  });
  const dir = path.join(context.input, 'export');
  await mkdir(dir);
  const exporter = context.api.makeSwingStoreExporter(storeIn(context.input), { artifactMode: 'archival' });
  await writeExportData(exporter, dir);
  await writeManifest(await writeArtifacts(exporter, dir), dir);
  await exporter.close();
};
