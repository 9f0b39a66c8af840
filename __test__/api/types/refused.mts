/** What the types must not let through. Each line marked so has to be an error, or this file does not compile. */
import {
  Database,
  initSwingStore,
  makeSwingStoreExporter,
  importSwingStore,
  openSwingStore,
  makeKVStore,
} from 'swing-store-native';
import type { KVStoreKeyType, SwingStore, SwingStoreExporter, SwingStoreKernelStorage } from 'swing-store-native';

declare const store: SwingStore;
declare const kernel: SwingStoreKernelStorage;
declare const exporter: SwingStoreExporter;
declare const keyType: KVStoreKeyType;

// @ts-expect-error a path is not optional here
openSwingStore();
// @ts-expect-error nor may it be null
openSwingStore(null);
// @ts-expect-error a path is a string
initSwingStore(5);
// @ts-expect-error no such option
initSwingStore(null, { keepSnapshot: true });
// @ts-expect-error bytes are a Buffer
initSwingStore(null, { serialized: 'bytes' });
// @ts-expect-error no such mode
makeSwingStoreExporter('dir', { artifactMode: 'everything' });
// @ts-expect-error an exporter has five methods
await importSwingStore({ getExportData: () => [] });
// @ts-expect-error export data is pairs
await importSwingStore({ ...exporter, getExportData: () => ['key'] });

// @ts-expect-error values are strings
kernel.kvStore.set('key', 1);
// @ts-expect-error there may be no value
kernel.kvStore.get('key').length;
// @ts-expect-error items are strings
kernel.transcriptStore.addItem('v1', { item: 1 });
// @ts-expect-error a rollover is a promise
kernel.transcriptStore.rolloverSpan('v1').toFixed();
// @ts-expect-error an image is an async stream of bytes
await kernel.snapStore.saveSnapshot('v1', 1, ['bytes']);
// @ts-expect-error a bundle has a module format
kernel.bundleStore.addBundle('b0-00', { source: '' });
// @ts-expect-error a bundle must be narrowed before its source is read
kernel.bundleStore.getBundle('b0-00').source;

// @ts-expect-error the kernel's facet shows the kernel's methods alone
kernel.transcriptStore.exportSpan('transcript.v1.0.1');
// @ts-expect-error and does not commit
kernel.commit();
// @ts-expect-error the host's facet has no cranks
store.hostStorage.startCrank();
// @ts-expect-error an import is not for running a kernel
(await importSwingStore(exporter)).kernelStorage;

// @ts-expect-error no such option
new Database(':memory:', { readOnly: true });
// @ts-expect-error it is declared, and never returns: what comes next can't be reached
new Database(':memory:').loadExtension('x').exec('SELECT 1');
// @ts-expect-error the fields tell, they do not set
new Database(':memory:').open = false;
// @ts-expect-error parameters as declared
new Database(':memory:').prepare<[string]>('SELECT ?').get(1);
// prettier-ignore
// @ts-expect-error a database is not any object
makeKVStore({}, () => {}, () => {});
// @ts-expect-error no such kind
keyType === 'kernel';
