/** All records of the export data. */
import { makeChecksum } from '../lib/checksum.mjs';
import { makeKeyStore } from '../lib/inputs.mjs';

export const name = 'export-data';
export const goal = 4;
export const stalls = true;
export const prepare = makeKeyStore;

const passes = 4;

export const run = async ({ api, store, measure }) => {
  const checksum = makeChecksum();
  await measure(async () => {
    for (let pass = 0; pass < passes; pass += 1) {
      const exporter = api.makeSwingStoreExporter(store);
      for await (const [key, value] of exporter.getExportData()) {
        checksum.add(key);
        checksum.add(value);
      }
      await exporter.close();
    }
  });
  return { work: checksum.result() };
};
