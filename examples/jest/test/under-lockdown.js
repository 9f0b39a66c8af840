import '@endo/init';

import { initSwingStore } from '@agoric/swing-store';

const store = initSwingStore();
store.kernelStorage.kvStore.set('color', 'blue');
await store.hostStorage.commit();
const isHardened = Object.isFrozen(store) && Object.isFrozen(store.kernelStorage.kvStore.set);
console.log(JSON.stringify({ isHardened, color: store.kernelStorage.kvStore.get('color') }));
await store.hostStorage.close();
