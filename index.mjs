import swingStore from './index.js';

export const {
  initSwingStore,
  openSwingStore,
  isSwingStore,
  makeSwingStoreExporter,
  importSwingStore,
  exportSwingStoreToDirectory,
  importSwingStoreFromDirectory,
  repairSwingStoreFromDirectory,
  makeArchiveSnapshot,
  makeArchiveTranscript,
  archiveSwingStore,
  makeKVStore,
  getKeyType,
  getKVStoreKeyType,
  makeTranscriptStore,
  makeSnapStore,
  makeSnapStoreIO,
  makeBundleStore,
  bundleIDFromName,
  Database,
} = swingStore;
