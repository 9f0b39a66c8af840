// Host keys and other keys are refused with the same messages, with and without a wrapped kvStore.
import test from 'ava';
import { initSwingStore } from '../../index.mjs';

const wrapped = { wrapKvStore: kvStore => ({ ...kvStore }) };

for (const [title, options] of [
  ['as it is', {}],
  ['wrapped', wrapped],
]) {
  test(`a kvStore ${title} refuses keys that its user must not write`, async t => {
    const { kernelStorage, hostStorage } = initSwingStore(null, options);
    const refused = [
      [kernelStorage.kvStore, 'host.height', 'kernelKVStore refuses host keys'],
      [hostStorage.kvStore, 'v1.height', 'hostKVStore requires host keys'],
    ];
    for (const [kvStore, key, message] of refused) {
      const error = { message, code: 'ERR_SWING_STORE_KEY' };
      t.throws(() => kvStore.set(key, '1'), error);
      t.throws(() => kvStore.delete(key), error);
      t.is(kvStore.get(key), undefined);
    }
    kernelStorage.kvStore.set('v1.height', '2');
    hostStorage.kvStore.set('host.height', '3');
    t.is(hostStorage.kvStore.get('v1.height'), '2');
    t.is(kernelStorage.kvStore.get('host.height'), '3');
    await hostStorage.close();
  });
}
