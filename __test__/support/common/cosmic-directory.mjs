// Reads and writes export directories as `cosmic-swingset` does: in JavaScript, through an exporter, with cosmic-swingset's
// line reader.
import BufferLineTransform from '@agoric/internal/src/node/buffer-line-transform.js';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundles } from './bundles.mjs';
import { kept } from './lone-surrogates.mjs';

export const manifestName = 'export-manifest.json';

/** Writes a directory as `export-kernel-db.js` does. */
export const writeAsCosmic = async (api, stateDir, exportDir, { artifactMode, exportDataMode }) => {
  const effective = artifactMode === 'none' || !artifactMode ? 'operational' : artifactMode;
  const manifestFile = await open(path.join(exportDir, manifestName), 'wx');
  const exporter = api.makeSwingStoreExporter(stateDir, { artifactMode: effective });
  const manifest = {
    blockHeight: Number(exporter.getHostKV('host.height')) || 0,
    artifactMode: artifactMode || effective,
    artifacts: [],
  };
  if (exportDataMode === 'all') {
    const file = await open(path.join(exportDir, 'export-data.jsonl'), 'wx');
    for await (const entry of exporter.getExportData()) await file.write(`${JSON.stringify(entry)}\n`);
    await file.close();
    manifest.data = 'export-data.jsonl';
  }
  if (artifactMode !== 'none') {
    for await (const name of exporter.getArtifactNames()) {
      await writeFile(path.join(exportDir, name), exporter.getArtifact(name));
      manifest.artifacts.push([name, name]);
    }
  }
  await manifestFile.write(JSON.stringify(manifest, null, 2));
  await manifestFile.close();
  await exporter.close();
};

/** Makes an exporter over a directory as `import-kernel-db.js` does. */
export const readAsCosmic = async exportDir => {
  const manifest = JSON.parse(await readFile(path.join(exportDir, manifestName), 'utf8'));
  const files = Object.fromEntries(manifest.artifacts || []);
  return {
    getHostKV: () => undefined,
    async *getExportData() {
      const lines = fs.createReadStream(path.join(exportDir, manifest.data)).pipe(new BufferLineTransform());
      for await (const line of lines) yield JSON.parse(line.toString('utf8'));
    },
    async *getArtifactNames() {
      yield* Object.keys(files);
    },
    async *getArtifact(name) {
      yield* fs.createReadStream(path.join(exportDir, files[name]));
    },
    close: async () => {},
  };
};

/** The contents of all files in a directory, by name. */
export const readFiles = dir =>
  Object.fromEntries(
    fs
      .readdirSync(dir)
      .sort()
      .map(name => [name, fs.readFileSync(path.join(dir, name)).toString('base64')]),
  );

async function* imageOf(seed, size) {
  const image = Buffer.alloc(size, `image ${seed} `);
  for (let at = 0; at < size; at += 1000) yield image.subarray(at, at + 1000);
}

/** Fills a store with data of every kind: incarnations, old snapshots, a terminated vat, and unusual strings. */
export const fillStore = async ({ kernelStorage, hostStorage }, { items = 5, imageSize = 5000 } = {}) => {
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  hostStorage.kvStore.set('host.height', '42');
  kvStore.set('local.x', 'not exported');
  for (const odd of [
    '',
    ' ',
    '"',
    '\\',
    '\n',
    '\r\n',
    '\0',
    '\u2028',
    '\u{1f600}',
    kept('\ud800'),
    'a\tb',
    '\x7f',
    '{"a":"b"}',
  ]) {
    kvStore.set(`odd.${odd}`, `value ${odd}`);
  }
  for (let i = 0; i < 40; i += 1) kvStore.set(`key.${i}`, `${i}`.repeat(i));
  for (const vatID of ['v1', 'v2', 'v10']) {
    transcriptStore.initTranscript(vatID);
    for (let span = 0; span < 4; span += 1) {
      for (let i = 0; i < items; i += 1) transcriptStore.addItem(vatID, `${vatID} ${span} \u2028 é ${i}`);
      await snapStore.saveSnapshot(vatID, (span + 1) * items, imageOf(`${vatID}.${span}`, imageSize + span));
      if (span % 2) await transcriptStore.rolloverIncarnation(vatID);
      else await transcriptStore.rolloverSpan(vatID);
    }
    transcriptStore.addItem(vatID, 'the last');
  }
  snapStore.stopUsingLastSnapshot('v10');
  await transcriptStore.stopUsingTranscript('v10');
  for (const { id, bundle } of [bundles.b0a, bundles.b1a]) bundleStore.addBundle(id, bundle);
};

/** Makes such a store with an implementation, and closes it. */
export const makeStore = async (api, dir, options = {}, size = undefined) => {
  const store = api.initSwingStore(dir, { keepSnapshots: true, ...options });
  await fillStore(store, size);
  await store.hostStorage.commit();
  await store.hostStorage.close();
};
