// SES must come first: it changes the environment for all later modules.
import '@endo/init/debug.js';

import test from 'ava';
import { initSwingStore } from '@agoric/swing-store';

test('under lockdown, a store and its functions are hardened', async t => {
  const store = initSwingStore();
  t.true(Object.isFrozen(store));
  t.true(Object.isFrozen(store.kernelStorage.kvStore.set));
  store.kernelStorage.kvStore.set('color', 'blue');
  t.throws(() => (store.kernelStorage.kvStore.get = () => 'red'), { instanceOf: TypeError });
  await store.hostStorage.commit();
  await store.hostStorage.close();
});
