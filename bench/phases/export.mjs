/** Every artifact of a store into a directory. */
import { hashFiles, writeArtifacts } from '../lib/directory.mjs';
import { makeWhole } from '../lib/inputs.mjs';

export const name = 'export';
export const goal = 8;
export const stalls = true;
export const prepare = makeWhole;

export const run = async ({ api, store, scratch, measure }) => {
  const names = await measure(async () => {
    const exporter = api.makeSwingStoreExporter(store, { artifactMode: 'archival' });
    const written = await writeArtifacts(exporter, scratch);
    await exporter.close();
    return written;
  });
  return { work: { artifacts: names.length, hash: await hashFiles(scratch, names) } };
};
