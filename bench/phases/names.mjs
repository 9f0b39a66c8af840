/** Lists the artifacts of an archival export of an existing store, after checking that none lacks anything. */
import { makeChecksum } from '../lib/checksum.mjs';

export const name = 'names';
export const goal = 5;
export const input = { sizes: {} };
export const unit = 'artifact';

export const run = async ({ api, store, measure }) => {
  const checksum = makeChecksum();
  await measure(async () => {
    const exporter = api.makeSwingStoreExporter(store, { artifactMode: 'archival' });
    for await (const artifact of exporter.getArtifactNames()) checksum.add(artifact);
    await exporter.close();
  });
  const work = checksum.result();
  return { work, units: work.count };
};
