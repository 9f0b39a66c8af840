// Prunes, repopulates or compacts a store according to its arguments. Prints a line at its begin and at its end.
import {
  compactSwingStore,
  expandSwingStore,
  pruneSwingStore,
  repopulateSwingStoreFromDirectory,
} from '../../../../index.mjs';

const [, , what, dir, from] = process.argv;

const works = {
  // Small enough that transactions end within spans, too.
  prune: () => pruneSwingStore(dir, { keep: 'operational', budget: 70 }),
  compact: async () => {
    await compactSwingStore(dir);
    await expandSwingStore(dir);
  },
  repopulate: () => repopulateSwingStoreFromDirectory(from, dir, { artifactMode: 'debug' }),
};

process.send('begun');
await works[what]();
process.send('done', () => process.disconnect());
