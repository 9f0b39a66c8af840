/** Imports a store from a directory: with one native call, and as cosmic-swingset does. */
import path from 'node:path';
import { directoryExporter, hashStore, importLimit, sizeOfFiles } from '../lib/directory.mjs';
import { ours } from '../lib/implementations.mjs';
import { whole, wholeGrowth } from '../lib/inputs.mjs';

export const name = 'import-native';
export const goal = 15;
export const largeGoals = { time: 12, vats: 12 };
export const stalls = true;
export const needs = 'importSwingStoreFromDirectory';
export const input = whole;
export const sizes = whole.sizes;
export const unit = 'MB';
export const growth = wholeGrowth;

export const limit = importLimit();

export const run = async ({ api, implementation, input: from, store, measure }) => {
  // Instead of the copy of the exported store.
  const imported = `${store}-imported`;
  const dir = path.join(from, 'export');
  const options = { artifactMode: 'archival' };
  const importWhole = async () =>
    implementation === ours
      ? api.importSwingStoreFromDirectory(dir, imported, options)
      : api.importSwingStore(await directoryExporter(dir), imported, options);
  await measure(async () => {
    const { hostStorage } = await importWhole();
    await hostStorage.commit();
    await hostStorage.close();
  });
  return { work: { hash: await hashStore(api, imported) }, units: (await sizeOfFiles(dir)) / 1e6 };
};
