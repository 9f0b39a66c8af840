// Hardening of a store's own objects after a lockdown.
import '@endo/init/debug.js';

import test from 'ava';

import { initSwingStore } from '../../index.mjs';
import { internal } from '../support/common/internals.mjs';

const { hardenOwn } = internal('harden.js');

test.serial('own objects and functions are frozen without a call of harden', t => {
  const makeMethods = () => ({
    arrow: () => {},
    async *generator() {
      yield 1;
    },
    nested: { list: [{ deep: true }], method() {} },
    nothing: null,
    missing: undefined,
    text: 'text',
    number: 7,
  });
  const value = makeMethods();
  t.is(hardenOwn(value), value);
  const { arrow, generator, nested } = value;
  const all = [value, arrow, generator, generator.prototype, nested, nested.list, nested.list[0], nested.method];
  for (const each of all) t.true(Object.isFrozen(each));
  // After this, SES finds nothing to freeze, and everything frozen is hardened.
  t.is(harden(value), value);

  const inner = { free: true };
  const frozen = Object.freeze({ inner });
  hardenOwn({ frozen });
  t.false(Object.isFrozen(inner), 'a frozen object counts as hardened');
});

const subStores = ['KvStore', 'TranscriptStore', 'SnapStore', 'BundleStore'];
const wrap = store => ({ ...store, extra: Object.freeze({ inner: {} }) });

for (const names of [...subStores.map(name => [name]), subStores, subStores.slice(1)]) {
  test.serial(`what a caller's wrappers make is hardened, whatever it contains: ${names.join(', ')}`, async t => {
    const options = Object.fromEntries(names.map(name => [`wrap${name}`, wrap]));
    const { internal: all, hostStorage } = initSwingStore(null, options);
    for (const name of names) {
      const { extra } = all[`${name[0].toLowerCase()}${name.slice(1)}`];
      t.true(Object.isFrozen(extra.inner));
    }
    await hostStorage.close();
  });
}
