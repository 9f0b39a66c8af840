// Imports a store from another's export, as a node that joins a chain does.
//
//   node import-store.mjs FROM TO

import '@endo/init';

import { importSwingStore, makeSwingStoreExporter } from '@agoric/swing-store';

const [, , from, to] = process.argv;

const exporter = makeSwingStoreExporter(from);
// Host keys are not exported, so they are copied.
const height = exporter.getHostKV('host.height');
// The import closes the exporter.
const { hostStorage } = await importSwingStore(exporter, to);
hostStorage.kvStore.set('host.height', height);
await hostStorage.commit();
await hostStorage.close();
