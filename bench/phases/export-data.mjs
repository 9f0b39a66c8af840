/** Reads all records of the export data. */
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { keyStore } from '../lib/inputs.mjs';
import { makePlan } from '../lib/plan.mjs';
import { fixed } from '../lib/sizes.mjs';

export const name = 'export-data';
export const goal = 3;
export const stalls = true;
export const input = keyStore;
export const sizes = { ...keyStore.sizes, passes: fixed(12) };
export const unit = 'record';

export const limit = {
  what: 'SQLite alone: one SELECT of all keys and values in order',
  prepare: async ({ sizes: { passes }, plan: dir }) => {
    const plan = makePlan({ repeat: passes });
    plan.step('SELECT key, value FROM kvStore ORDER BY key');
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

export const run = async ({ api, store, sizes: { passes }, measure }) => {
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
  const work = checksum.result();
  return { work, units: work.count / 2 };
};
