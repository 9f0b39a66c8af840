// Exports a store in every mode. Writes the export data, and the length and hash
// of each artifact.
//
//   node export-store.mjs STORE OUTPUT

import '@endo/init';

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

import { makeSwingStoreExporter } from '@agoric/swing-store';

const modes = ['operational', 'replay', 'archival', 'debug'];

const [, , store, output] = process.argv;

const collect = async iterable => {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
};

const digest = async chunks => {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
  }
  return `${size} bytes, ${hash.digest('hex')}`;
};

// Reads an artifact of several modes only once.
const digests = new Map();

/** The names and contents of a mode, or its error. */
const exportArtifacts = async exporter => {
  let names;
  try {
    names = exporter.getArtifactNames();
  } catch (error) {
    return { refused: error.message };
  }
  const artifacts = [];
  for (const name of await collect(names)) {
    if (!digests.has(name)) {
      digests.set(name, await digest(exporter.getArtifact(name)));
    }
    artifacts.push([name, digests.get(name)]);
  }
  return { artifacts };
};

const result = {};
for (const artifactMode of modes) {
  const exporter = makeSwingStoreExporter(store, { artifactMode });
  result[artifactMode] = {
    height: exporter.getHostKV('host.height'),
    data: await collect(exporter.getExportData()),
    ...(await exportArtifacts(exporter)),
  };
  await exporter.close();
}
writeFileSync(output, JSON.stringify(result));
