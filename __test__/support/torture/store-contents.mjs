// Reads stores, exports and archives that killed processes have left.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** The files of a store that have contents. */
const FILES = ['swingstore.sqlite', 'swingstore.sqlite-wal', 'swingstore.sqlite-journal'];

/** Copies a store with its log. */
export const copyRaw = (from, to) => {
  fs.rmSync(to, { recursive: true, force: true });
  fs.mkdirSync(to);
  for (const name of FILES) {
    if (fs.existsSync(path.join(from, name))) fs.copyFileSync(path.join(from, name), path.join(to, name));
  }
};

/**
 * A digest of a store: a hash of all keys and records, and the hashes of all artifacts; and the records.
 *
 * @param {any} api
 * @param {string} dir
 * @param {any} store the open store
 */
export const contentsOf = async (api, dir, store) => {
  const hash = createHash('sha256');
  const say = text => hash.update(`${Buffer.byteLength(text)}:`).update(text);
  const { kvEntries } = store.debug.dump();
  for (const key of Object.keys(kvEntries).sort()) [key, kvEntries[key]].forEach(say);
  const exporter = api.makeSwingStoreExporter(dir, { artifactMode: 'debug' });
  const records = [];
  for await (const record of exporter.getExportData()) records.push(record);
  say(JSON.stringify(records));
  const names = [];
  for await (const name of exporter.getArtifactNames()) names.push(name);
  const artifacts = new Map();
  for (const name of names.sort()) {
    const bytes = createHash('sha256');
    for await (const chunk of exporter.getArtifact(name)) bytes.update(chunk);
    artifacts.set(name, bytes.digest('hex'));
  }
  await exporter.close();
  return { state: hash.digest('hex'), artifacts, records };
};

/** The hashes of all visible files in a directory, by name. */
export const filesIn = dir =>
  new Map(
    (fs.existsSync(dir) ? fs.readdirSync(dir).sort() : [])
      .filter(name => !name.startsWith('.'))
      .map(name => [
        name,
        createHash('sha256')
          .update(fs.readFileSync(path.join(dir, name)))
          .digest('hex'),
      ]),
  );

/** Whether two maps are the same. */
export const isSameMap = (one, other) =>
  one.size === other.size && [...one].every(([name, value]) => other.get(name) === value);
