// A kvStore over a database handle: what it does for a key or a value of a wrong type, and whom a key belongs to.
import test from 'ava';

import { Database, getKVStoreKeyType, getKeyType, makeKVStore } from '../../index.mjs';

test('a wrong type is refused before a transaction begins, and is not traced', t => {
  const db = new Database(':memory:');
  const log = [];
  const kvStore = makeKVStore(
    db,
    () => log.push('ensureTxn'),
    (...args) => log.push(args.join(' ')),
  );
  kvStore.set('key', 'value');
  kvStore.delete('other');
  t.deepEqual(log.splice(0), ['ensureTxn', 'set key value', 'ensureTxn', 'del other']);
  for (const wrong of [7, undefined, null, {}, Symbol('key')]) {
    t.throws(() => kvStore.set(wrong, 'value'), { message: /must be a string/ });
    t.throws(() => kvStore.set('key', wrong), { message: /must be a string/ });
    t.throws(() => kvStore.set(wrong, wrong), { message: /must be a string/ });
    t.throws(() => kvStore.delete(wrong), { message: /must be a string/ });
  }
  t.deepEqual(log, []);
  t.is(kvStore.get('key'), 'value');
  db.close();
});

test('whom a key belongs to', t => {
  for (const keyType of [getKeyType, getKVStoreKeyType]) {
    t.is(keyType('host.height'), 'host');
    t.is(keyType('local.cache'), 'local');
    t.is(keyType('v1.o+0'), 'consensus');
  }
});
