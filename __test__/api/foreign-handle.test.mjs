// Sub-stores over an in-memory handle of better-sqlite3, which becomes a handle of this package's database. In a process
// without SES; `parity/better-sqlite3.test.mjs` has more of it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import test from 'ava';

import { Database, makeBundleStore, makeKVStore, makeTranscriptStore } from '../../index.mjs';

const nothing = () => {};
const make = (db, begin = nothing) => makeKVStore(db, begin, nothing);

test('what can be taken over', t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-foreign-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  const code = 'ERR_SWING_STORE_ARGUMENT';
  const onFile = new BetterSqlite3(path.join(dir, 'file'));
  const attached = new BetterSqlite3();
  attached.prepare('ATTACH ? AS other').run(path.join(dir, 'other'));
  for (const db of [onFile, attached])
    t.throws(() => make(db), { code, message: /on a file.*new Database\(path\);$/s });
  const frozen = Object.freeze(new BetterSqlite3());
  t.throws(() => make(frozen), { code, message: /frozen or hardened/ });
  const begun = new BetterSqlite3();
  begun.exec('BEGIN');
  t.throws(() => make(begun), { code, message: /an open transaction/ });
  begun.exec('COMMIT');
  t.notThrows(() => make(begun));
  // Objects that resemble a handle, and other values.
  const methods = {
    prepare: nothing,
    exec: nothing,
    pragma: () => [],
    serialize: () => Buffer.alloc(0),
    close: nothing,
  };
  for (const db of [undefined, null, 7, nothing, {}, { memory: true }, { ...methods }, { ...methods, memory: 1 }]) {
    t.throws(() => make(db), { code, message: /^db must be a Database of swing-store-native, or/ });
  }
  for (const name of Object.keys(methods)) {
    t.throws(() => make({ memory: true, ...methods, [name]: undefined }), {
      code,
      message: /^db must be a Database of swing-store-native, or/,
    });
  }
  for (const db of [onFile, attached, begun]) db.close();
  const closed = new BetterSqlite3();
  closed.close();
  t.throws(() => make(closed), { message: /not open/ });
});

test('its contents move, and statements prepared before fail', t => {
  const db = new BetterSqlite3();
  db.exec(`CREATE TABLE bundles (bundleID TEXT PRIMARY KEY, bundle BLOB);
    INSERT INTO bundles VALUES ('b1-a', 'zip');
    CREATE TABLE "odd ""name" (a INTEGER PRIMARY KEY AUTOINCREMENT);
    INSERT INTO "odd ""name" VALUES (7);
    CREATE VIEW seen AS SELECT a FROM "odd ""name";
    CREATE TABLE sqlitelike (a)`);
  const before = ['bundles', '"odd ""name"', 'seen', 'sqlitelike'].map(name =>
    db.prepare(`SELECT count(*) FROM ${name}`),
  );
  const bundleStore = makeBundleStore(db, nothing, nothing);
  t.true(bundleStore.hasBundle('b1-a'));
  for (const statement of before) t.throws(() => statement.get(), { message: /no such table/, any: true });
  t.is(db.prepare('SELECT a FROM seen').pluck().get(), 7);
  db.close();
  // An empty database.
  const empty = new BetterSqlite3();
  const kvStore = make(empty);
  kvStore.set('key', 'value');
  t.is(empty.prepare('SELECT value FROM kvStore').pluck().get(), 'value');
  empty.close();
});

test('its methods are those of the database, with the same transaction', t => {
  const db = new BetterSqlite3();
  const begin = () => {
    if (!db.inTransaction) db.prepare('BEGIN IMMEDIATE TRANSACTION').run();
  };
  const kvStore = make(db, begin);
  t.false(db.inTransaction);
  kvStore.set('a', '1');
  t.true(db.inTransaction);
  t.is(db.exec('COMMIT'), db);
  t.false(db.inTransaction);
  t.throws(() => db.exec('nonsense'), { code: 'SQLITE_ERROR' });
  db.exec('BEGIN');
  t.true(db.inTransaction);
  db.prepare('ROLLBACK').run();
  t.false(db.inTransaction);
  db.transaction(key => {
    t.true(db.inTransaction);
    kvStore.set(key, '2');
  })('b');
  t.false(db.inTransaction);
  const failing = db.transaction(() => {
    kvStore.set('c', '3');
    throw Error('undone');
  });
  t.throws(() => failing(), { message: 'undone' });
  t.false(db.inTransaction);
  const statement = db.prepare('SELECT key FROM kvStore ORDER BY key');
  t.is(statement.database, db);
  t.deepEqual(statement.pluck().all(), ['a', 'b']);
  t.is(db.prepare('DELETE FROM kvStore WHERE key = ?').run('a').changes, 1);
  t.is(db.pragma('user_version', { simple: true }), 0);
  const copy = new Database(db.serialize());
  t.deepEqual(copy.prepare('SELECT key FROM kvStore').pluck().all(), ['b']);
  t.throws(() => db.serialize({ attached: 'other' }), { message: /"attached"/ });
  t.throws(() => db.function('f', nothing), { message: /not available/ });
  t.throws(() => db.backup('x'), { message: /not available/ });
  for (const name of ['prepare', 'exec', 'pragma', 'transaction', 'serialize', 'close']) {
    const { writable, configurable } = Object.getOwnPropertyDescriptor(db, name);
    t.deepEqual([writable, configurable], [true, true], name);
  }

  // Another sub-store over the same handle has the same database.
  const transcriptStore = makeTranscriptStore(db, begin, nothing);
  transcriptStore.initTranscript('v1');
  t.true(db.inTransaction);
  t.is(db.prepare('SELECT count(*) FROM transcriptSpans').pluck().get(), 1);
  t.is(kvStore.get('b'), '2');
  db.exec('COMMIT');

  t.is(db.close(), db);
  t.false(db.open);
  t.throws(() => kvStore.get('b'), { message: 'The database connection is not open' });
  copy.close();
});

test('a transaction that an older statement begins or ends is noticed', t => {
  const db = new BetterSqlite3();
  const old = db.prepare('BEGIN');
  const kvStore = make(db, () => old.run());
  t.throws(() => kvStore.set('a', '1'), { message: /prepared before/, code: 'ERR_SWING_STORE_ARGUMENT' });
  t.is(kvStore.get('a'), undefined);
  db.close();
});

test('a handle that can not be emptied stays as it was', t => {
  const db = new BetterSqlite3();
  db.exec('CREATE TABLE t (a)');
  const { exec } = db;
  db.exec = () => {
    throw Error('not now');
  };
  t.throws(() => make(db), { message: 'not now' });
  delete db.exec;
  t.is(db.exec, exec);
  t.notThrows(() => make(db));
  db.close();
});
