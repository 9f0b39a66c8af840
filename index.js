'use strict';

const { archiveSwingStore } = require('./js/transfer/archive-store.js');
const { makeArchiveSnapshot, makeArchiveTranscript, nativeArchivePowers } = require('./js/store/archivers.js');
const { bundleIDFromName, makeBundleStore } = require('./js/store/bundle-store.js');
const { Database } = require('./js/store/database.js');
const { compactSwingStore, expandSwingStore } = require('./js/tools/compact.js');
const { diffSwingStores } = require('./js/tools/diff.js');
const {
  exportSwingStoreToDirectory,
  importSwingStoreFromDirectory,
  repairSwingStoreFromDirectory,
} = require('./js/transfer/directory.js');
const { makeSwingStoreExporter } = require('./js/transfer/exporter.js');
const { harden } = require('./js/common/harden.js');
const { openSwingStoreHistory } = require('./js/tools/history.js');
const { importSwingStore } = require('./js/transfer/importer.js');
const { getKeyType, makeKVStore } = require('./js/store/kv-store.js');
const { formatMetrics, metricDefinitions } = require('./js/store/metrics.js');
const { measureSwingStore } = require('./js/tools/measure.js');
const { isSwingStore } = require('./js/common/paths.js');
const { pruneSwingStore, reclaimSwingStoreSpace } = require('./js/tools/prune.js');
const { repopulateSwingStore, repopulateSwingStoreFromDirectory } = require('./js/tools/repopulate.js');
const { makeSnapStore, makeSnapStoreIO } = require('./js/store/snap-store.js');
const { initSwingStore, openSwingStore } = require('./js/store/swing-store.js');
const { makeTranscriptStore } = require('./js/store/transcript-store.js');
const { verifySwingStore } = require('./js/tools/verify.js');

exports.initSwingStore = initSwingStore;
exports.openSwingStore = openSwingStore;
exports.isSwingStore = isSwingStore;

exports.makeSwingStoreExporter = makeSwingStoreExporter;
exports.importSwingStore = importSwingStore;
exports.exportSwingStoreToDirectory = exportSwingStoreToDirectory;
exports.importSwingStoreFromDirectory = importSwingStoreFromDirectory;
exports.repairSwingStoreFromDirectory = repairSwingStoreFromDirectory;

exports.openSwingStoreHistory = openSwingStoreHistory;

exports.verifySwingStore = verifySwingStore;
exports.diffSwingStores = diffSwingStores;

exports.measureSwingStore = measureSwingStore;
exports.metricDefinitions = metricDefinitions;
exports.formatMetrics = formatMetrics;

exports.repopulateSwingStore = repopulateSwingStore;
exports.repopulateSwingStoreFromDirectory = repopulateSwingStoreFromDirectory;
exports.compactSwingStore = compactSwingStore;
exports.expandSwingStore = expandSwingStore;
exports.pruneSwingStore = pruneSwingStore;
exports.reclaimSwingStoreSpace = reclaimSwingStoreSpace;

exports.makeArchiveSnapshot = makeArchiveSnapshot;
exports.makeArchiveTranscript = makeArchiveTranscript;
exports.nativeArchivePowers = nativeArchivePowers;
exports.archiveSwingStore = archiveSwingStore;

exports.makeKVStore = makeKVStore;
exports.getKeyType = getKeyType;
exports.getKVStoreKeyType = getKeyType;
exports.makeTranscriptStore = makeTranscriptStore;
exports.makeSnapStore = makeSnapStore;
exports.makeSnapStoreIO = makeSnapStoreIO;
exports.makeBundleStore = makeBundleStore;
exports.bundleIDFromName = bundleIDFromName;

exports.Database = Database;

// Hardens the exports if a lockdown has happened, and freezes them otherwise.
harden(exports);
