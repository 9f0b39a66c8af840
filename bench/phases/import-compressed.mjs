/**
 * Imports a store from a directory: from compressed files to compressed history with one native call, and from plain files
 * to rows as cosmic-swingset does.
 */
import path from 'node:path';
import { directoryExporter, hashStore, importLimit, sizeOfFiles } from '../lib/directory.mjs';
import { ours } from '../lib/implementations.mjs';

export const name = 'import-compressed';
export const largeGoals = { time: 20, vats: 20 };
export const stalls = true;
export const needs = 'compactSwingStore';
export const input = { sizes: {} };
export const unit = 'MB';

export const limit = importLimit('compressed', 'frames');

export const run = async ({ api, implementation, input: from, store, measure }) => {
  const imported = `${store}-imported`;
  const plain = path.join(from, 'export');
  const importWhole = async () => {
    if (implementation === ours) {
      const options = { artifactMode: 'archival', historicalSpans: 'compressed' };
      return api.importSwingStoreFromDirectory(path.join(from, 'compressed'), imported, options);
    }
    return api.importSwingStore(await directoryExporter(plain), imported, { artifactMode: 'archival' });
  };
  await measure(async () => {
    const { hostStorage } = await importWhole();
    await hostStorage.commit();
    await hostStorage.close();
  });
  return { work: { hash: await hashStore(api, imported) }, units: (await sizeOfFiles(plain)) / 1e6 };
};
