/** A store's export as a directory, written and read as cosmic-swingset does. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

const dataName = 'export-data.jsonl';
const manifestName = 'export-manifest.json';

/** The chunks of something in memory, as an asynchronous source. */
export async function* chunksOf(bytes, chunkSize = 64 * 1024) {
  for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.subarray(at, at + chunkSize);
}

export const writeExportData = async (exporter, dir) => {
  const file = await open(path.join(dir, dataName), 'wx');
  for await (const entry of exporter.getExportData()) await file.write(`${JSON.stringify(entry)}\n`);
  await file.close();
};

/** Writes each artifact to a file of its name, and returns their names. */
export const writeArtifacts = async (exporter, dir) => {
  const names = [];
  for await (const name of exporter.getArtifactNames()) {
    await writeFile(path.join(dir, name), exporter.getArtifact(name));
    names.push(name);
  }
  return names;
};

export const writeManifest = (names, dir) => {
  const artifacts = names.map(name => [name, name]);
  const manifest = { blockHeight: 0, artifactMode: 'archival', data: dataName, artifacts };
  return writeFile(path.join(dir, manifestName), JSON.stringify(manifest, null, 2));
};

/** An exporter that reads such a directory. */
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

/** Names, sizes and contents of all files in a directory, as one hash. */
export const hashFiles = async (dir, names) => {
  const hash = createHash('sha256');
  for (const name of names) {
    const content = await readFile(path.join(dir, name));
    hash.update(`${name} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
};
