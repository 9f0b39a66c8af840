// Makes a store out of another one's export, as a node that joins a chain does.
//
//   node import-store.mjs FROM TO

import '@endo/init';

import { importSwingStore, makeSwingStoreExporter } from '@agoric/swing-store';

const [, , from, to] = process.argv;

const exporter = makeSwingStoreExporter(from);
// Host keys are not exported: a host tells what it needs in its own way.
const height = exporter.getHostKV('host.height');
// The import closes the exporter.
const { hostStorage } = await importSwingStore(exporter, to);
hostStorage.kvStore.set('host.height', height);
await hostStorage.commit();
await hostStorage.close();
