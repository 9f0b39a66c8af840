// Exports or imports according to its arguments. Prints a line at its begin and at its end.
import {
  exportSwingStoreToDirectory,
  importSwingStore,
  importSwingStoreFromDirectory,
  makeSwingStoreExporter,
} from '../../../../index.mjs';

const [, , what, from, to, previous] = process.argv;

const commitAndClose = async ({ hostStorage }) => {
  await hostStorage.commit();
  process.send('committed');
  await hostStorage.close();
};

const works = {
  export: () => exportSwingStoreToDirectory(from, to, { artifactMode: 'archival' }),
  compress: () => exportSwingStoreToDirectory(from, to, { artifactMode: 'archival', compress: true }),
  reuse: () => exportSwingStoreToDirectory(from, to, { artifactMode: 'archival', reuse: previous, verifyReused: true }),
  import: async () => commitAndClose(await importSwingStoreFromDirectory(from, to)),
  safeImport: async () => commitAndClose(await importSwingStoreFromDirectory(from, to, { unsafeFastMode: false })),
  importSwingStore: async () => {
    const exporter = makeSwingStoreExporter(from, { artifactMode: 'archival' });
    await commitAndClose(await importSwingStore(exporter, to, { artifactMode: 'archival' }));
  },
};

process.send('begun');
await works[what]();
process.send('done', () => process.disconnect());
