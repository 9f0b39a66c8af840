// Prunes a store, or fills it again, as its arguments say, until it is done or killed. Says when it begins and when it is
// done.
import { pruneSwingStore, repopulateSwingStoreFromDirectory } from '../../../../index.mjs';

const [, , what, dir, from] = process.argv;

const works = {
  // Small enough to end in the middle of spans, too.
  prune: () => pruneSwingStore(dir, { keep: 'operational', budget: 70 }),
  repopulate: () => repopulateSwingStoreFromDirectory(from, dir, { artifactMode: 'debug' }),
};

process.send('begun');
await works[what]();
process.send('done', () => process.disconnect());
