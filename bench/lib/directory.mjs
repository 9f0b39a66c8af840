/** Export directories, written and read as cosmic-swingset does. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';

const dataName = 'export-data.jsonl';
const manifestName = 'export-manifest.json';

/** The block height in all export manifests. */
export const blockHeight = 1000;

/** An async iterable over chunks in memory. */
export async function* chunksOf(bytes, chunkSize = 64 * 1024) {
  for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.subarray(at, at + chunkSize);
}

export const writeExportData = async (exporter, dir) => {
  const file = await open(path.join(dir, dataName), 'wx');
  for await (const entry of exporter.getExportData()) await file.write(`${JSON.stringify(entry)}\n`);
  await file.close();
};

/** Writes each artifact to a file with the artifact's name. Returns the names. */
export const writeArtifacts = async (exporter, dir) => {
  const names = [];
  for await (const name of exporter.getArtifactNames()) {
    await writeFile(path.join(dir, name), exporter.getArtifact(name));
    names.push(name);
  }
  return names;
};

/** Writes the manifest of an exporter's artifacts, with the block height from the host's key. */
export const writeManifest = (exporter, names, dir) => {
  const artifacts = names.map(name => [name, name]);
  const height = Number(exporter.getHostKV('host.height') ?? blockHeight);
  const manifest = { blockHeight: height, artifactMode: 'archival', data: dataName, artifacts };
  return writeFile(path.join(dir, manifestName), JSON.stringify(manifest, null, 2));
};

/** The size of the chunks of an exporter. */
const exportChunkBytes = 256 * 1024;

/** Makes an exporter of artifacts with the names and sizes of those in such a directory, whose bytes are in memory. */
export const memoryExporter = async dir => {
  const manifest = JSON.parse(await readFile(path.join(dir, manifestName), 'utf8'));
  const sizes = new Map();
  for (const [name, file] of manifest.artifacts) sizes.set(name, (await stat(path.join(dir, file))).size);
  const bytes = Buffer.alloc(exportChunkBytes, 'x');
  return {
    async *getArtifactNames() {
      yield* sizes.keys();
    },
    async *getArtifact(name) {
      for (let left = sizes.get(name); left > 0; left -= bytes.length) yield bytes.subarray(0, left);
    },
  };
};

/** Makes an exporter that reads such a directory. */
export const directoryExporter = async dir => {
  const manifest = JSON.parse(await readFile(path.join(dir, manifestName), 'utf8'));
  const files = new Map(manifest.artifacts);
  return {
    getHostKV: () => undefined,
    async *getExportData() {
      for await (const line of createInterface({ input: createReadStream(path.join(dir, manifest.data)) })) {
        yield JSON.parse(line);
      }
    },
    async *getArtifactNames() {
      yield* files.keys();
    },
    async *getArtifact(name) {
      yield* createReadStream(path.join(dir, files.get(name)));
    },
    close: async () => {},
  };
};

/**
 * Hashes the names, sizes and contents of files in a directory, and counts their bytes.
 *
 * @param {string} dir
 * @param {[name: string, file: string][]} files the name to hash, and the file's name
 * @param {{ decompress?: boolean }} [options] whether to hash the contents of gzip files
 */
export const hashFiles = async (dir, files, { decompress = false } = {}) => {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const [name, file] of files) {
    const raw = await readFile(path.join(dir, file));
    const content = decompress && file.endsWith('.gz') ? gunzipSync(raw) : raw;
    hash.update(`${name} ${content.length}\n`).update(content);
    bytes += content.length;
  }
  return { hash: hash.digest('hex'), bytes };
};

export const sizeOfFiles = async dir => {
  let bytes = 0;
  for (const name of await readdir(dir)) bytes += (await stat(path.join(dir, name))).size;
  return bytes;
};

/** A digest of an export directory, independent of its file names. */
export const hashExport = async (dir, options) => {
  const manifest = JSON.parse(await readFile(path.join(dir, manifestName), 'utf8'));
  const artifacts = [...manifest.artifacts].sort(([a], [b]) => (a < b ? -1 : 1));
  const data = await hashFiles(dir, [['data', manifest.data]]);
  const { hash } = await hashFiles(dir, artifacts, options);
  const counts = { artifacts: artifacts.length, bytes: await sizeOfFiles(dir) };
  const { blockHeight: height, artifactMode } = manifest;
  return { height, artifactMode, data: data.hash, hash, ...counts };
};

/** A digest of a store: of everything it exports, including the contents of artifacts. */
export const hashStore = async (api, store) => {
  const hash = createHash('sha256');
  const exporter = api.makeSwingStoreExporter(store, { artifactMode: 'archival' });
  for await (const entry of exporter.getExportData()) hash.update(JSON.stringify(entry));
  for await (const artifact of exporter.getArtifactNames()) {
    hash.update(artifact);
    for await (const chunk of exporter.getArtifact(artifact)) hash.update(chunk);
  }
  await exporter.close();
  return hash.digest('hex');
};

const isArtifact = name => name !== dataName && name !== manifestName;

/** The limit of phases that read or write whole files: a copy of a directory of the input, usually of its export. */
export const copyLimit = async ({ input, plan }, { records = true, from = 'export' } = {}) => {
  const names = await readdir(path.join(input, from));
  const wanted = names.filter(name => records || isArtifact(name));
  await writeFile(path.join(plan, 'names'), wanted.join('\n'));
  return { command: ['copy', `input:${from}`, 'scratch:copy', 'plan:names'] };
};

/**
 * The limit of imports from such a directory.
 *
 * @param {string} [from] the directory in the input
 * @param {'rows' | 'frames'} [history] how the items of historical spans are stored
 */
export const importLimit = (from = 'export', history = 'rows') => ({
  what:
    history === 'rows'
      ? 'on one thread, reading the files, libdeflate at level 1 for the images, an INSERT for each row; no hash'
      : 'on one thread, reading and decompressing the files, zstd for the history, an INSERT for each row; no hash',
  prepare: async ({ input }) => {
    // What is hashed is the same, whether the files are compressed or not.
    const plain = path.join(input, 'export');
    let bytes = 0;
    for (const name of (await readdir(plain)).filter(isArtifact)) bytes += (await stat(path.join(plain, name))).size;
    const command = ['fill', 'store:swingstore.sqlite', 'scratch:filled.sqlite', `input:${from}`, history];
    return { command, hash: bytes };
  },
});

/** What `importSwingStore` makes such an exporter do: reads everything that it has, and discards it. */
export const drain = async exporter => {
  let bytes = 0;
  for await (const [key, value] of exporter.getExportData()) bytes += key.length + value.length;
  for await (const name of exporter.getArtifactNames()) {
    for await (const chunk of exporter.getArtifact(name)) bytes += chunk.length;
  }
  return bytes;
};
