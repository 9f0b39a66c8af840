// Runs one more block on a store, as a kernel would.
//
//   node advance.mjs DIR

import '@endo/init';

import { openSwingStore } from '@agoric/swing-store';

const { kernelStorage, hostStorage } = openSwingStore(process.argv[2]);
kernelStorage.startCrank();
kernelStorage.kvStore.set('advanced', 'yes');
kernelStorage.transcriptStore.addItem('v1', '{"d":["message"]}');
kernelStorage.emitCrankHashes();
kernelStorage.endCrank();
const height = Number(hostStorage.kvStore.get('host.height')) + 1;
hostStorage.kvStore.set('host.height', `${height}`);
await hostStorage.commit();
await hostStorage.close();
