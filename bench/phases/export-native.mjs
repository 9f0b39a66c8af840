/** Exports a store to a directory, as for state-sync: with one native call, and as cosmic-swingset does. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { copyLimit, hashExport, writeArtifacts, writeExportData, writeManifest } from '../lib/directory.mjs';
import { ours } from '../lib/implementations.mjs';
import { whole, wholeGrowth } from '../lib/inputs.mjs';

export const name = 'export-native';
export const goal = 15;
export const largeGoals = { time: 10, vats: 30 };
export const stalls = true;
export const needs = 'exportSwingStoreToDirectory';
export const input = whole;
export const sizes = whole.sizes;
export const unit = 'MB';
export const growth = wholeGrowth;

export const limit = {
  what: 'copying the files of the export from directory to directory',
  prepare: context => copyLimit(context),
};

export const run = async ({ api, implementation, store, scratch, measure }) => {
  const dir = path.join(scratch, 'export');
  await mkdir(dir);
  await measure(async () => {
    if (implementation === ours) {
      const options = { artifactMode: 'archival', exportDataMode: 'all' };
      await api.exportSwingStoreToDirectory(store, dir, options);
      return;
    }
    const exporter = api.makeSwingStoreExporter(store, { artifactMode: 'archival' });
    await writeExportData(exporter, dir);
    await writeManifest(exporter, await writeArtifacts(exporter, dir), dir);
    await exporter.close();
  });
  // Manifests may differ in white space, so their size is not compared.
  const { bytes, ...work } = await hashExport(dir);
  return { work, units: bytes / 1e6 };
};
