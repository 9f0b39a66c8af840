/** A CommonJS program that loads the package with `require`. Compiled in strict mode, never run. */
import swingStore = require('swing-store-native');
import { Database, openSwingStore } from 'swing-store-native';
import type { KVStore, SwingStore } from 'swing-store-native';

export function heights(dirPath: string): unknown[] {
  const { hostStorage, debug }: SwingStore = openSwingStore(dirPath, { readonly: true });
  const kvStore: KVStore = hostStorage.kvStore;
  const rows = debug.getDatabase().prepare('SELECT value FROM kvStore').pluck().all();
  return [kvStore.get('host.height'), ...rows];
}

// What the two ways of loading give is one and the same.
export const same: typeof openSwingStore = swingStore.openSwingStore;
export const memory: Database = swingStore.Database(':memory:');
export const kinds = [swingStore.getKeyType('host.height'), swingStore.getKVStoreKeyType('x')];
