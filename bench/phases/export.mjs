/** Exports every artifact of a store to a directory. */
import path from 'node:path';
import { copyLimit, hashFiles, memoryExporter, writeArtifacts } from '../lib/directory.mjs';
import { whole, wholeGrowth } from '../lib/inputs.mjs';

export const name = 'export';
export const goal = 8;
export const largeGoals = { time: 6, vats: 10 };
export const stalls = true;
export const input = whole;
export const sizes = whole.sizes;
export const unit = 'MB';
export const growth = wholeGrowth;

export const limit = {
  what: 'copying the artifacts from directory to directory',
  prepare: context => copyLimit(context, { records: false }),
  host: {
    what: "the host's own writing of artifacts that are in memory",
    run: async ({ input: from, scratch, measure }) => {
      const exporter = await memoryExporter(path.join(from, 'export'));
      await measure(() => writeArtifacts(exporter, scratch));
    },
  },
};

export const run = async ({ api, store, scratch, measure }) => {
  const names = await measure(async () => {
    const exporter = api.makeSwingStoreExporter(store, { artifactMode: 'archival' });
    const written = await writeArtifacts(exporter, scratch);
    await exporter.close();
    return written;
  });
  const { hash, bytes } = await hashFiles(
    scratch,
    names.map(artifact => [artifact, artifact]),
  );
  return { work: { artifacts: names.length, hash }, units: bytes / 1e6 };
};
