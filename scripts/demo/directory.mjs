/**
 * Export directories in the layout of cosmic-swingset: `export-manifest.json`, which names the other files;
 * `export-data.jsonl`, with one `[key, value]` a line; and one file for each artifact.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

const manifestName = 'export-manifest.json';
const dataName = 'export-data.jsonl';

/** Passes chunks on and counts their bytes. */
async function* counted(chunks, count) {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

const writeExportData = async (exporter, file) => {
  const handle = await open(file, 'wx');
  try {
    let entries = 0;
    let bytes = 0;
    let lines = [];
    const flush = async () => {
      const text = Buffer.from(lines.join(''));
      lines = [];
      bytes += text.length;
      await handle.writeFile(text);
    };
    for await (const entry of exporter.getExportData()) {
      entries += 1;
      lines.push(`${JSON.stringify(entry)}\n`);
      if (lines.length === 1000) await flush();
    }
    await flush();
    return { entries, bytes };
  } finally {
    await handle.close();
  }
};

/**
 * Writes a whole export to a new directory.
 *
 * @param {object} exporter
 * @param {string} artifactMode the mode that the exporter was made with
 * @param {string} dir
 * @param {(done: number, of: number) => void} onProgress called after each artifact
 * @returns {Promise<{ blockHeight: number, entries: number, dataBytes: number, artifacts: { name: string, bytes:
 *   number, seconds: number }[] }>} what was written
 */
export const writeExport = async (exporter, artifactMode, dir, onProgress) => {
  await mkdir(dir, { recursive: true });
  const blockHeight = Number(exporter.getHostKV('host.height') ?? 0);
  const { entries, bytes: dataBytes } = await writeExportData(exporter, path.join(dir, dataName));
  const names = [];
  for await (const name of exporter.getArtifactNames()) names.push(name);
  const artifacts = [];
  for (const name of names) {
    let bytes = 0;
    const start = performance.now();
    const chunks = counted(exporter.getArtifact(name), length => (bytes += length));
    // Artifact names consist of letters, digits, dots and hyphens, so they are valid file names.
    await writeFile(path.join(dir, name), chunks, { flag: 'wx' });
    artifacts.push({ name, bytes, seconds: (performance.now() - start) / 1000 });
    onProgress(artifacts.length, names.length);
  }
  // The manifest is written last: a directory that has one is complete.
  const files = artifacts.map(({ name }) => [name, name]);
  const manifest = { blockHeight, artifactMode, data: dataName, artifacts: files };
  await writeFile(path.join(dir, manifestName), JSON.stringify(manifest, null, 2), { flag: 'wx' });
  return { blockHeight, entries, dataBytes, artifacts };
};

/**
 * Yields the lines of a text file. `node:readline` won't do: it also ends a line at U+2028, which JSON strings may contain.
 */
async function* linesOf(file) {
  let rest = '';
  for await (const text of createReadStream(file, { encoding: 'utf8' })) {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/**
 * Makes an exporter that reads such a directory, for `importSwingStore`.
 *
 * @param {string} dir
 * @param {(done: number, of: number) => void} onProgress called after each artifact was read
 */
export const openExport = async (dir, onProgress) => {
  const manifest = JSON.parse(await readFile(path.join(dir, manifestName), 'utf8'));
  const files = new Map(manifest.artifacts);
  let done = 0;

  /** Rejects paths: an untrusted manifest must not lead out of its directory. */
  const inside = fileName => {
    if (path.basename(fileName) !== fileName || fileName === '..') throw Error(`not a plain file name: ${fileName}`);
    return path.join(dir, fileName);
  };

  const exporter = {
    getHostKV: () => undefined,
    async *getExportData() {
      for await (const line of linesOf(inside(manifest.data))) yield JSON.parse(line);
    },
    async *getArtifactNames() {
      yield* files.keys();
    },
    async *getArtifact(name) {
      if (!files.has(name)) throw Error(`the manifest has no artifact ${name}`);
      yield* createReadStream(inside(files.get(name)), { highWaterMark: 1 << 18 });
      done += 1;
      onProgress(done, files.size);
    },
    close: async () => {},
  };
  return { manifest, exporter };
};
