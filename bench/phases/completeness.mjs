/** Checks whether an export of 200,000 items would be complete. */
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { manyItems, vatIDs } from '../lib/inputs.mjs';
import { makePlan, statements } from '../lib/plan.mjs';
import { fixed } from '../lib/sizes.mjs';

export const name = 'completeness';
export const goal = 5;
export const input = manyItems;
export const sizes = { ...manyItems.sizes, passes: fixed(240) };
export const unit = 'check';

export const limit = {
  what: 'SQLite alone: the list of spans, and a count of the items of each',
  prepare: async ({ sizes: { spans, itemsPerSpan, passes }, plan: dir }) => {
    const plan = makePlan({ repeat: passes });
    plan.step(statements.listSpans);
    for (const vatID of vatIDs) {
      // The last span is half full: there are no items after its end.
      for (let span = 0; span <= spans; span += 1) {
        plan.step(statements.countItems, vatID, span * itemsPerSpan, (span + 1) * itemsPerSpan);
      }
    }
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

export const run = async ({ api, store, sizes: { passes }, measure }) => {
  const checksum = makeChecksum();
  let names;
  let exporter;
  await measure(async () => {
    for (let pass = 0; pass < passes; pass += 1) {
      // Makes a new exporter each time, so that none uses cached results.
      await exporter?.close();
      exporter = api.makeSwingStoreExporter(store, { artifactMode: 'replay' });
      names = exporter.getArtifactNames();
    }
  });
  for await (const artifact of names) checksum.add(artifact);
  await exporter.close();
  return { work: checksum.result(), units: passes };
};
