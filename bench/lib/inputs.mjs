/** Generates the stores that phases use as input. Phases with the same input in the same sizes share it. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeArchiveBundle } from '../../scripts/demo/archive.mjs';
import { blockHeight, chunksOf, writeArtifacts, writeExportData, writeManifest } from './directory.mjs';
import { makeHeapImage } from './heap-image.mjs';
import { itemPool, keyOf, valueOf } from './kernel-data.mjs';
import { storeIn } from './paths.mjs';
import { makeRandom } from './random.mjs';
import { fixed } from './sizes.mjs';

export const vatIDs = Array.from({ length: 20 }, (_, i) => `v${i + 1}`);

const setKeys = (kvStore, count) => {
  const random = makeRandom(1);
  for (let i = 0; i < count; i += 1) kvStore.set(keyOf(i), valueOf(i, random));
};

/** Gives each vat a number of full spans, and a half-full current span. */
const addSpans = async ({ transcriptStore }, spans, itemsPerSpan, itemLength) => {
  const pool = itemPool(makeRandom(2), 400, itemLength);
  let next = 0;
  const addItems = (vatID, count) => {
    for (let i = 0; i < count; i += 1) transcriptStore.addItem(vatID, pool[(next += 1) % pool.length]);
  };
  for (const vatID of vatIDs) {
    transcriptStore.initTranscript(vatID);
    for (let span = 0; span < spans; span += 1) {
      addItems(vatID, itemsPerSpan);
      await transcriptStore.rolloverSpan(vatID);
    }
    addItems(vatID, Math.ceil(itemsPerSpan / 2));
  }
};

/** Makes a store in `dir/store`. `fill` gets the kernel's storage and a function that commits. */
export const makeStore = async (api, dir, fill = () => {}, options = {}) => {
  const { kernelStorage, hostStorage } = api.initSwingStore(storeIn(dir), options);
  await fill(kernelStorage, hostStorage.commit);
  hostStorage.kvStore.set('host.height', `${blockHeight}`);
  await hostStorage.commit();
  await hostStorage.close();
};

/** A store without contents. */
export const emptyStore = { sizes: {}, make: ({ api, input }) => makeStore(api, input) };

/** A store with keys only. */
export const keyStore = {
  sizes: { keys: 100_000 },
  make: ({ api, input, sizes }) => makeStore(api, input, ({ kvStore }) => setKeys(kvStore, sizes.keys)),
};

/** A store with a number of keys, which may be 0. */
export const keysBefore = {
  sizes: { before: fixed(0) },
  make: ({ api, input, sizes }) => makeStore(api, input, ({ kvStore }) => setKeys(kvStore, sizes.before)),
};

/** 20 vats, each with a number of full spans and a half-full one, or with an empty one. */
export const spansBefore = {
  sizes: { before: fixed(0) },
  make: ({ api, input, sizes }) =>
    makeStore(api, input, async storage => {
      if (sizes.before > 0) await addSpans(storage, sizes.before, 200, 2800);
      else for (const vatID of vatIDs) storage.transcriptStore.initTranscript(vatID);
    }),
};

/** 20 vats, each with 5 spans of 200 items of 2.8 kB and a half-full one: 22,000 items. */
export const transcripts = {
  sizes: { itemsPerSpan: 200, spans: fixed(5) },
  make: ({ api, input, sizes: { spans, itemsPerSpan } }) =>
    makeStore(api, input, storage => addSpans(storage, spans, itemsPerSpan, 2800)),
};

/** 20 vats, each with 49 spans of 200 small items and a half-full one: 198,000 items. */
export const manyItems = {
  sizes: { itemsPerSpan: 200, spans: fixed(49) },
  make: ({ api, input, sizes: { spans, itemsPerSpan } }) =>
    makeStore(api, input, storage => addSpans(storage, spans, itemsPerSpan, 300)),
};

/** One vat with 3,000 spans of 50 items and a snapshot for each. */
export const manySpans = {
  sizes: { spans: 3000 },
  make: ({ api, input, sizes: { spans } }) =>
    makeStore(
      api,
      input,
      async ({ transcriptStore, snapStore }) => {
        const pool = itemPool(makeRandom(3), 100, 800);
        transcriptStore.initTranscript('v1');
        for (let span = 0; span < spans; span += 1) {
          for (let i = 0; i < 50; i += 1) transcriptStore.addItem('v1', pool[i + (span % 50)]);
          await snapStore.saveSnapshot('v1', (span + 1) * 50, chunksOf(Buffer.alloc(4000, span)));
          await transcriptStore.rolloverSpan('v1');
        }
      },
      { keepSnapshots: true },
    ),
};

/** Writes images to files `image-0`, `image-1`…, and their sizes after zlib to `images.json`. */
export const writeImages = async (dir, images) => {
  const zlibSizes = [];
  for await (const image of images) {
    await writeFile(path.join(dir, `image-${zlibSizes.length}`), image);
    zlibSizes.push(gzipSync(image, { level: 6 }).length);
  }
  await writeFile(path.join(dir, 'images.json'), JSON.stringify(zlibSizes));
};

function* makeHeapImages({ images, imageBytes }) {
  for (let i = 0; i < images; i += 1) yield makeHeapImage(i, imageBytes);
}

/** Heap images in files. */
export const imageFiles = {
  sizes: { imageBytes: 10_000_000, images: fixed(6) },
  make: ({ input, sizes }) => writeImages(input, makeHeapImages(sizes)),
};

const saveImages = async ({ snapStore }, sizes) => {
  let vat = 0;
  for (const image of makeHeapImages(sizes)) await snapStore.saveSnapshot(`v${(vat += 1)}`, 1, chunksOf(image));
};

/** Vats with one snapshot each. */
export const snapshots = {
  sizes: { imageBytes: 10_000_000, images: fixed(10) },
  make: ({ api, input, sizes }) => makeStore(api, input, storage => saveImages(storage, sizes)),
};

const addBundles = ({ bundleStore }, count, modules) => {
  const random = makeRandom(4);
  for (let i = 0; i < count; i += 1) {
    const { bundleID, bundle } = makeArchiveBundle(`contract-${i}`, itemPool(random, modules, 1000));
    bundleStore.addBundle(bundleID, bundle);
  }
};

/** Exports the store in `dir/store` to the directory `dir/export`. */
export const exportWhole = async (api, dir) => {
  const target = path.join(dir, 'export');
  await mkdir(target);
  const exporter = api.makeSwingStoreExporter(storeIn(dir), { artifactMode: 'archival' });
  await writeExportData(exporter, target);
  await writeManifest(exporter, await writeArtifacts(exporter, target), target);
  await exporter.close();
};

/** A store with data of every kind, and its archival export as a directory. */
export const whole = {
  sizes: {
    keys: 50_000,
    itemsPerSpan: 200,
    imageBytes: 10_000_000,
    modules: 800,
    spans: fixed(5),
    images: fixed(3),
    bundles: fixed(4),
  },
  make: async ({ api, input, sizes }) => {
    await makeStore(api, input, async storage => {
      setKeys(storage.kvStore, sizes.keys);
      await addSpans(storage, sizes.spans, sizes.itemsPerSpan, 2800);
      await saveImages(storage, sizes);
      addBundles(storage, sizes.bundles, sizes.modules);
    });
    await exportWhole(api, input);
  },
};

/** How this input grows: more items of every kind, none of them larger. */
export const wholeGrowth = { sizes: { keys: 50_000, spans: 5, images: 3, bundles: 4 }, factor: 8 };
