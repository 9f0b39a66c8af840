'use strict';

const { archiveSwingStore } = require('./js/archive-store.js');
const { makeArchiveSnapshot, makeArchiveTranscript, nativeArchivePowers } = require('./js/archiver.js');
const { bundleIDFromName, makeBundleStore } = require('./js/bundle-store.js');
const { Database } = require('./js/database.js');
const { diffSwingStores } = require('./js/diff.js');
const {
  exportSwingStoreToDirectory,
  importSwingStoreFromDirectory,
  repairSwingStoreFromDirectory,
} = require('./js/directory.js');
const { makeSwingStoreExporter } = require('./js/exporter.js');
const { harden } = require('./js/harden.js');
const { openSwingStoreHistory } = require('./js/history.js');
const { importSwingStore } = require('./js/importer.js');
const { getKeyType, makeKVStore } = require('./js/kv-store.js');
const { isSwingStore } = require('./js/paths.js');
const { pruneSwingStore, reclaimSwingStoreSpace } = require('./js/prune.js');
const { repopulateSwingStore, repopulateSwingStoreFromDirectory } = require('./js/repopulate.js');
const { makeSnapStore, makeSnapStoreIO } = require('./js/snap-store.js');
const { initSwingStore, openSwingStore } = require('./js/swing-store.js');
const { makeTranscriptStore } = require('./js/transcript-store.js');
const { verifySwingStore } = require('./js/verify.js');

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

exports.repopulateSwingStore = repopulateSwingStore;
exports.repopulateSwingStoreFromDirectory = repopulateSwingStoreFromDirectory;
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

// Under a lockdown that came first, the exports are hardened like everything else. Without one,
// or before it, they are frozen.
harden(exports);
