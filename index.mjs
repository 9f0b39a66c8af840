import swingStore from './index.js';

export const {
  initSwingStore,
  openSwingStore,
  isSwingStore,
  makeSwingStoreExporter,
  importSwingStore,
  exportSwingStoreToDirectory,
  importSwingStoreFromDirectory,
  verifySwingStore,
  diffSwingStores,
  makeArchiveSnapshot,
  makeArchiveTranscript,
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
