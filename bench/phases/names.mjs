/** Lists the artifacts of an archival export of an existing store, after checking that none lacks anything. */
import path from 'node:path';
import { makeChecksum } from '../lib/checksum.mjs';
import { storeIn } from '../lib/paths.mjs';
import { makePlan, statements } from '../lib/plan.mjs';
import { spansOf } from '../lib/store-contents.mjs';

export const name = 'names';
export const goal = 5;
export const input = { sizes: {} };
export const unit = 'artifact';

export const limit = {
  what: 'SQLite alone: the lists of spans, snapshots and bundles, and a count of the items of each span',
  prepare: async ({ input: from, plan: dir }) => {
    const plan = makePlan();
    plan.step(statements.listSpans);
    plan.step('SELECT vatID, snapPos FROM snapshots WHERE compressedSnapshot IS NOT NULL ORDER BY vatID, snapPos');
    plan.step('SELECT bundleID FROM bundles ORDER BY bundleID');
    for (const { vatID, startPos, endPos } of spansOf(storeIn(from))) {
      plan.step(statements.countItems, vatID, startPos, endPos);
    }
    await plan.write(path.join(dir, 'plan'));
    return { command: ['replay', 'store:swingstore.sqlite', 'plan:plan'] };
  },
};

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
