/** Imports a store from a directory with an archival export. */
import path from 'node:path';
import { directoryExporter, drain, hashStore, importLimit, sizeOfFiles } from '../lib/directory.mjs';
import { whole, wholeGrowth } from '../lib/inputs.mjs';

export const name = 'import';
export const goal = 6;
export const largeGoals = { time: 7, vats: 7 };
export const stalls = true;
export const input = whole;
export const sizes = whole.sizes;
export const unit = 'MB';
export const growth = wholeGrowth;

export const limit = {
  ...importLimit(),
  host: {
    what: "the host's own reading and parsing of the files",
    run: ({ input: from, measure }) =>
      measure(async () => {
        await drain(await directoryExporter(path.join(from, 'export')));
      }),
  },
};

export const run = async ({ api, input: from, store, measure }) => {
  // Instead of the copy of the exported store.
  const imported = `${store}-imported`;
  const dir = path.join(from, 'export');
  await measure(async () => {
    const exporter = await directoryExporter(dir);
    const { hostStorage } = await api.importSwingStore(exporter, imported, { artifactMode: 'archival' });
    await hostStorage.commit();
    await hostStorage.close();
  });
  return { work: { hash: await hashStore(api, imported) }, units: (await sizeOfFiles(dir)) / 1e6 };
};
