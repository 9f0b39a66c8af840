/**
 * Exports a store to a directory: compressed history to compressed files with one native call, and rows to plain files as
 * cosmic-swingset does.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { hashExport, writeArtifacts, writeExportData, writeManifest } from '../lib/directory.mjs';
import { ours } from '../lib/implementations.mjs';
import { compactedIn } from '../lib/paths.mjs';

export const name = 'export-compressed';
export const largeGoals = { time: 60, vats: 60 };
export const stalls = true;
export const needs = 'compactSwingStore';
export const input = { sizes: {} };
export const unit = 'MB';

export const limit = {
  what:
    'on one thread, a SELECT of the frames of each span, zstd, libdeflate at level 6, writing the files; images as they ' +
    'are; no export data, no hash',
  prepare: async () => ({ command: ['gather', 'input:compacted/swingstore.sqlite', 'scratch:gathered'] }),
};

export const run = async ({ api, implementation, input: from, store, scratch, measure }) => {
  const dir = path.join(scratch, 'export');
  await mkdir(dir);
  await measure(async () => {
    if (implementation === ours) {
      const options = { artifactMode: 'archival', exportDataMode: 'all', compress: true };
      await api.exportSwingStoreToDirectory(compactedIn(from), dir, options);
      return;
    }
    const exporter = api.makeSwingStoreExporter(store, { artifactMode: 'archival' });
    await writeExportData(exporter, dir);
    await writeManifest(exporter, await writeArtifacts(exporter, dir), dir);
    await exporter.close();
  });
  const { bytes, hash, ...work } = await hashExport(dir, { decompress: true });
  return { work: { ...work, hash }, units: bytes / 1e6 };
};
