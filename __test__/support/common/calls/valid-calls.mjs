// Valid arguments for each method, on the store that `prepare` makes. Tests find methods in live objects, so that a new
// method without an entry here fails.
import { createHash } from 'node:crypto';
import { bundles } from '../bundles.mjs';

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

export const image = Buffer.from('an image, '.repeat(1000));

const spanHash = items => items.reduce((hash, item) => sha256(hash, sha256(item)), sha256('start of transcript span'));

const spanRecord = vatID =>
  JSON.stringify({ vatID, startPos: 0, endPos: 2, hash: spanHash(['one', 'two']), isCurrent: 0, incarnation: 0 });

const snapshotRecord = vatID => JSON.stringify({ vatID, snapPos: 2, hash: sha256(image), inUse: 0 });

/** Fills a store: `v1` to `v6`, each with two spans and two snapshots; `v7` and `v8` have records without contents. */
export const prepare = async ({ kernelStorage, hostStorage, internal }) => {
  const { kvStore, transcriptStore, snapStore, bundleStore } = kernelStorage;
  hostStorage.kvStore.set('host.height', '7');
  for (const key of ['a', 'b', 'c']) kvStore.set(key, `value of ${key}`);
  for (const vatID of ['v1', 'v2', 'v3', 'v4', 'v5', 'v6']) {
    transcriptStore.initTranscript(vatID);
    for (const item of ['one', 'two']) transcriptStore.addItem(vatID, item);
    await snapStore.saveSnapshot(vatID, 1, [Buffer.from(`an earlier image of ${vatID}`)]);
    await snapStore.saveSnapshot(vatID, 2, [image]);
    await transcriptStore.rolloverSpan(vatID);
    for (const item of ['three', 'four', 'five']) transcriptStore.addItem(vatID, item);
  }
  bundleStore.addBundle(bundles.b0a.id, bundles.b0a.bundle);
  bundleStore.addBundle(bundles.b1a.id, bundles.b1a.bundle);
  internal.transcriptStore.importTranscriptSpanRecord('transcript.v7.0', spanRecord('v7'));
  internal.snapStore.importSnapshotRecord('snapshot.v7.2', snapshotRecord('v7'));
  await hostStorage.commit();
};

const key = ({ facet }) => (facet === 'hostStorage' ? 'host.a' : 'a');
const emptyExporter = () => ({
  getHostKV: () => undefined,
  getExportData: () => [],
  getArtifactNames: () => [],
  getArtifact: () => [],
  async close() {},
});
const jsonOf =
  ({ bundle }) =>
  async () =>
    Buffer.from(JSON.stringify(bundle));
const debug = { artifactMode: 'debug' };

/** Makes the arguments of a store's methods, in calling order. `facet` is the part of the store that has the method. */
export const storeRecipes = {
  'kvStore.has': where => [key(where)],
  'kvStore.get': where => [key(where)],
  'kvStore.getNextKey': () => ['a'],
  'kvStore.set': where => [key(where), 'another value'],
  'kvStore.delete': where => [key(where)],

  'kernelStorage.startCrank': () => [],
  'kernelStorage.establishCrankSavepoint': () => ['point'],
  'kernelStorage.rollbackCrank': () => ['point'],
  'kernelStorage.emitCrankHashes': () => [],
  'kernelStorage.endCrank': () => [],
  'kernelStorage.getActivityhash': () => [],

  'transcriptStore.initTranscript': ({ facet }) => [`v-of-${facet}`],
  // A span without items can't be ended, and the reference's state afterwards differs.
  'transcriptStore.rolloverSpan': ({ facet }) => [facet === 'internal' ? 'v5' : 'v1'],
  'transcriptStore.rolloverIncarnation': ({ facet }) => [facet === 'internal' ? 'v6' : 'v4'],
  'transcriptStore.getCurrentSpanBounds': () => ['v1'],
  'transcriptStore.stopUsingTranscript': () => ['v2'],
  'transcriptStore.deleteVatTranscripts': () => ['v3', 1],
  'transcriptStore.addItem': () => ['v1', 'six'],
  'transcriptStore.readSpan': () => ['v1', 0],
  'transcriptStore.exportSpan': () => ['transcript.v1.0.2'],
  'transcriptStore.getExportRecords': () => [true],
  'transcriptStore.getArtifactNames': () => ['debug'],
  'transcriptStore.importTranscriptSpanRecord': () => ['transcript.v8.0', spanRecord('v8')],
  'transcriptStore.populateTranscriptSpan': () => ['transcript.v7.0.2', () => [Buffer.from('one\ntwo\n')], debug],
  'transcriptStore.assertComplete': () => ['operational'],
  'transcriptStore.repairTranscriptSpanRecord': () => ['transcript.v9.0', spanRecord('v9')],
  'transcriptStore.readFullVatTranscript': () => ['v1'],

  'snapStore.loadSnapshot': () => ['v1'],
  'snapStore.saveSnapshot': ({ facet }) => ['v1', facet === 'internal' ? 4 : 5, [image]],
  'snapStore.deleteAllUnusedSnapshots': () => [],
  'snapStore.deleteVatSnapshots': () => ['v3', 1],
  'snapStore.stopUsingLastSnapshot': () => ['v2'],
  'snapStore.getSnapshotInfo': () => ['v1'],
  'snapStore.exportSnapshot': () => ['snapshot.v4.2'],
  'snapStore.getExportRecords': () => [true],
  'snapStore.getArtifactNames': () => ['debug'],
  'snapStore.importSnapshotRecord': () => ['snapshot.v8.2', snapshotRecord('v8')],
  'snapStore.populateSnapshot': () => ['snapshot.v8.2', () => [image], debug],
  'snapStore.assertComplete': () => ['operational'],
  'snapStore.repairSnapshotRecord': () => ['snapshot.v9.2', snapshotRecord('v9')],
  'snapStore.hasHash': () => ['v1', sha256(image)],
  'snapStore.listAllSnapshots': () => [],
  'snapStore.deleteSnapshotByHash': () => ['v4', sha256(image)],

  'bundleStore.addBundle': () => [bundles.b1b.id, bundles.b1b.bundle],
  'bundleStore.hasBundle': () => [bundles.b0a.id],
  'bundleStore.getBundle': () => [bundles.b0a.id],
  'bundleStore.deleteBundle': () => [bundles.b1a.id],
  'bundleStore.exportBundle': () => [`bundle.${bundles.b0a.id}`],
  'bundleStore.repairBundleRecord': () => [`bundle.${bundles.b0a.id}`, bundles.b0a.id],
  'bundleStore.importBundleRecord': () => [`bundle.${bundles.b0b.id}`, bundles.b0b.id],
  'bundleStore.importBundle': () => [`bundle.${bundles.b0b.id}`, jsonOf(bundles.b0b)],
  'bundleStore.assertComplete': () => ['operational'],
  'bundleStore.getExportRecords': () => [],
  'bundleStore.getArtifactNames': () => [],
  'bundleStore.getBundleIDs': () => [],

  'hostStorage.diskUsage': () => [],
  'hostStorage.compactHistory': () => [],
  'hostStorage.metrics': () => [],
  'hostStorage.repairMetadata': () => [emptyExporter()],
  'hostStorage.commit': () => [],

  'debug.serialize': () => [],
  'debug.dump': () => [true],
  'debug.getDatabase': () => [],

  'db.prepare': () => ['SELECT count(*) FROM kvStore'],
  'db.exec': () => ['SELECT 1'],
  'db.pragma': () => ['user_version'],
  'db.transaction': () => [() => 7],
  'db.serialize': () => [],
  'db.close': () => [],

  'hostStorage.close': () => [],
};

/** The arguments of an exporter's methods. */
export const exporterRecipes = {
  'exporter.getHostKV': () => ['host.height'],
  'exporter.getExportData': () => [],
  'exporter.getArtifactNames': () => [],
  'exporter.getArtifact': () => ['snapshot.v1.2'],
  'exporter.close': () => [],
};

/** The arguments of a history's methods. */
export const historyRecipes = {
  'history.listVats': () => [{ sizes: true }],
  'history.getVat': () => ['v1', {}],
  'history.listIncarnations': () => ['v1', {}],
  'history.listSpans': () => ['v1', {}],
  'history.listPseudoDeliveries': () => ['v1', {}],
  'history.listSnapshots': () => ['v1'],
  'history.listBundles': () => [],
  'history.replayPlan': () => ['v1', { from: 'start' }],
  'history.getBlockHeight': () => [],
  'history.readItem': () => ['v1', 1],
  'history.readItems': () => ['v1', { start: 0, end: 5 }],
  'history.readSpan': () => ['v1', 2, {}],
  'history.readIncarnation': () => ['v1', 0, {}],
  'history.close': () => [],
};

/** The arguments of a statement's methods. */
export const statementRecipes = {
  'statement.run': () => [],
  'statement.get': () => [],
  'statement.all': () => [],
  'statement.iterate': () => [],
  'statement.pluck': () => [true],
  'statement.raw': () => [false],
  'statement.columns': () => [],
};

/** The arguments of the package's functions, given paths of a store, an export and a missing directory, and powers. */
export const exportRecipes = {
  'api.initSwingStore': ({ made }) => [made, {}],
  'api.openSwingStore': ({ dir }) => [dir, {}],
  'api.isSwingStore': ({ dir }) => [dir],
  'api.makeSwingStoreExporter': ({ dir }) => [dir, {}],
  'api.importSwingStore': ({ exporter, made }) => [exporter(), made, {}],
  'api.exportSwingStoreToDirectory': ({ dir, made }) => [dir, made, {}],
  'api.importSwingStoreFromDirectory': ({ from, made }) => [from, made, {}],
  'api.repairSwingStoreFromDirectory': ({ from, dir }) => [from, dir, {}],
  'api.openSwingStoreHistory': ({ dir }) => [dir],
  'api.verifySwingStore': ({ dir }) => [dir, {}],
  'api.measureSwingStore': ({ dir }) => [dir, {}],
  'api.formatMetrics': () => [{}],
  'api.diffSwingStores': ({ dir, from }) => [dir, from, {}],
  'api.repopulateSwingStore': ({ exporter, dir }) => [exporter(), dir, { artifactMode: 'operational' }],
  'api.repopulateSwingStoreFromDirectory': ({ from, dir }) => [from, dir, { artifactMode: 'operational' }],
  'api.compactSwingStore': ({ dir }) => [dir, {}],
  'api.expandSwingStore': ({ dir }) => [dir, {}],
  'api.pruneSwingStore': ({ dir }) => [dir, { keep: 'debug' }],
  'api.reclaimSwingStoreSpace': ({ dir }) => [dir, { dryRun: true }],
  'api.makeArchiveSnapshot': ({ made, powers }) => [made, powers],
  'api.makeArchiveTranscript': ({ made, powers }) => [made, powers],
  'api.archiveSwingStore': ({ dir, made }) => [dir, made, {}],
  'api.makeKVStore': ({ db }) => [db(), () => {}, () => {}],
  'api.getKeyType': () => ['host.a'],
  'api.getKVStoreKeyType': () => ['host.a'],
  'api.makeTranscriptStore': ({ db }) => [db(), () => {}, () => {}, {}],
  'api.makeSnapStore': ({ db }) => [
    db(),
    () => {},
    { measureSeconds: async f => ({ result: await f(), duration: 0 }) },
    () => {},
    {},
  ],
  'api.makeSnapStoreIO': () => [],
  'api.makeBundleStore': ({ db }) => [db(), () => {}, () => {}],
  'api.bundleIDFromName': () => ['bundle.b0-x'],
  'api.Database': ({ file }) => [file, {}],
};
