// SES first: what comes after it runs in the world that it makes.
import '@endo/init/debug.js';

import test from 'ava';
import { initSwingStore } from '@agoric/swing-store';

test('under lockdown, all that a store returns is hardened', async t => {
  const store = initSwingStore();
  t.true(Object.isFrozen(store));
  t.true(Object.isFrozen(store.kernelStorage.kvStore.set));
  store.kernelStorage.kvStore.set('color', 'blue');
  t.throws(() => (store.kernelStorage.kvStore.get = () => 'red'), { instanceOf: TypeError });
  await store.hostStorage.commit();
  await store.hostStorage.close();
});
