// Freezing without SES, and hashes.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

import { internal } from '../support/common/internals.mjs';

const { harden, hardenOwn } = internal('harden.js');
const { createSHA256 } = internal('hasher.js');

test.serial('everything reachable through own properties is frozen, except bytes', t => {
  const inherited = { free: true };
  const symbol = Symbol('symbol');
  const get = () => 1;
  const set = () => {};
  const value = Object.assign(Object.create(inherited), {
    object: { inner: [{ deep: true }] },
    method: Object.assign(() => {}, { property: {} }),
    bytes: new Uint8Array([1]),
    view: new DataView(new ArrayBuffer(2)),
    [symbol]: {},
    nothing: null,
    missing: undefined,
    text: 'text',
  });
  Object.defineProperty(value, 'hidden', { value: {}, enumerable: false });
  Object.defineProperty(value, 'accessor', { get, set, enumerable: true, configurable: true });
  value.self = value;
  t.is(harden(value), value);
  for (const each of [
    value,
    value.object,
    value.object.inner,
    value.object.inner[0],
    value.method,
    value.method.property,
    value[symbol],
    value.hidden,
    get,
    set,
  ]) {
    t.true(Object.isFrozen(each));
  }
  t.false(Object.isFrozen(inherited));
  value.bytes[0] = 2;
  t.is(value.bytes[0], 2);
  for (const plain of [undefined, null, 7, 'text', symbol, 7n, true]) t.is(harden(plain), plain);
});

test.serial('with SES, its harden is used, even if the lockdown happens later', t => {
  const asked = [];
  globalThis.harden = value => {
    asked.push(value);
    return 'hardened';
  };
  t.teardown(() => delete globalThis.harden);
  const value = { inner: {} };
  t.is(harden(value), 'hardened');
  t.deepEqual(asked, [value]);
  t.is(hardenOwn(value), 'hardened');
  t.deepEqual(asked, [value, value], 'without hardened prototypes, it is also used for own objects');
  t.false(Object.isFrozen(value));
  globalThis.harden = 'no function';
  t.is(harden(value), value);
  t.true(Object.isFrozen(value.inner));
});

test.serial('hashes', t => {
  const sha256 = text => createHash('sha256').update(text).digest('hex');
  const hasher = createSHA256();
  t.true(Object.isFrozen(hasher));
  t.deepEqual(Object.keys(hasher), ['add', 'finish', 'sample']);
  t.is(hasher.add('one'), hasher);
  t.is(hasher.sample(), sha256('one'));
  t.is(hasher.add(Buffer.from('two')).finish(), sha256('onetwo'));
  t.is(createSHA256('first').add('then').finish(), sha256('firstthen'));
  t.is(createSHA256('').finish(), sha256(''));
});

const program = `
  require('ses');
  lockdown(JSON.parse(process.argv[1]));
  const { initSwingStore } = require(process.argv[2]);
  const { kernelStorage, hostStorage } = initSwingStore(null);
  const isHardened = object => {
    try {
      object.mark = 1;
    } catch {
      return true;
    }
    return false;
  };
  const { transcriptStore } = kernelStorage;
  const found = [kernelStorage, transcriptStore, transcriptStore.readSpan, hostStorage.commit].map(isHardened);
  hostStorage.close().then(() => console.log(JSON.stringify(found)));
`;
const index = fileURLToPath(new URL('../../index.js', import.meta.url));

for (const hardenTaming of ['safe', 'unsafe']) {
  test(`after a lockdown, a store is hardened as its hardenTaming says: ${hardenTaming}`, async t => {
    const options = JSON.stringify({ __hardenTaming__: hardenTaming, errorTaming: 'unsafe' });
    const script = `'use strict';${program}`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, options, index]);
    t.deepEqual(JSON.parse(stdout), Array(4).fill(hardenTaming === 'safe'));
  });
}
