/** A store from a directory with an archival export. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { directoryExporter } from '../lib/directory.mjs';
import { makeWhole } from '../lib/inputs.mjs';

export const name = 'import';
export const goal = 6;
export const stalls = true;
export const prepare = makeWhole;

/** What is in the new store: everything it exports, artifacts' contents included. */
const hashStore = async (api, store) => {
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

export const run = async ({ api, input, store, measure }) => {
  // Not the copy of the store that the export came from.
  const imported = `${store}-imported`;
  await measure(async () => {
    const exporter = await directoryExporter(path.join(input, 'export'));
    const { hostStorage } = await api.importSwingStore(exporter, imported, { artifactMode: 'archival' });
    await hostStorage.commit();
    await hostStorage.close();
  });
  return { work: { hash: await hashStore(api, imported) } };
};
