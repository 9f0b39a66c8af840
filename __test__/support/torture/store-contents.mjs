// What is in stores, exports and archives that processes have left when they were killed.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** The files of a store that holds something, whoever has it open. */
const FILES = ['swingstore.sqlite', 'swingstore.sqlite-wal', 'swingstore.sqlite-journal'];

/** Copies a store as it is, with its log. */
export const copyRaw = (from, to) => {
  fs.rmSync(to, { recursive: true, force: true });
  fs.mkdirSync(to);
  for (const name of FILES) {
    if (fs.existsSync(path.join(from, name))) fs.copyFileSync(path.join(from, name), path.join(to, name));
  }
};

/**
 * Everything that a store holds: all keys and all records, as one hash, and the hashes of all artifacts; and its records.
 *
 * @param {any} api
 * @param {string} dir
 * @param {any} store  which is open there
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

/** The hashes of all files in a directory that are not hidden, by name. */
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
