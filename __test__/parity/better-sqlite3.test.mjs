// Our Database compared with better-sqlite3: the same calls, results and errors.
import '@endo/init/debug.js';
import test from 'ava';

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import BetterSqlite3 from 'better-sqlite3';

import {
  Database,
  makeBundleStore,
  makeKVStore,
  makeSnapStore,
  makeSnapStoreIO,
  makeTranscriptStore,
} from '../../index.mjs';
import { kept } from '../support/common/lone-surrogates.mjs';

/** The outcome of a call: a value or an error. */
const outcome = act => {
  try {
    return { returned: act() };
  } catch (error) {
    const { name, message } = error;
    // Ours gives every error a code, better-sqlite3 only SQLite's errors.
    return { threw: name === 'SqliteError' ? { name, message, code: error.code } : { name, message } };
  }
};

/** Performs each act on both kinds of database, and compares the outcomes. */
const sameOutcomes = (t, acts, open = [() => new Database(), () => new BetterSqlite3()]) => {
  const [ours, theirs] = open.map(make => make());
  acts.forEach((act, index) => {
    const expected = outcome(() => act(theirs));
    const found = outcome(() => act(ours));
    t.deepEqual(found, expected, `act ${index}: ${act}`);
  });
  ours.close();
  theirs.close();
};

const table = db => void db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE, c BLOB, d)');

test('values of every type, written and read', t => {
  const values = [null, undefined, 0, -0, 1.5, -7, 2 ** 53, 12345678901234567890n % 2n ** 62n, '', 'text', 'a\0b'];
  values.push(
    'é\u{1f600}',
    kept('\ud800'),
    kept('x\udc00y'),
    Buffer.from('bytes'),
    Buffer.alloc(0),
    new Uint8Array([1, 2]),
  );
  sameOutcomes(t, [
    table,
    ...values.map(value => db => db.prepare('INSERT INTO t (d) VALUES (?)').run(value)),
    db => db.prepare('SELECT d, typeof(d) FROM t').all(),
    db => db.prepare("SELECT hex(d) FROM t WHERE typeof(d) IN ('text', 'blob')").all(),
    db => db.prepare('SELECT d FROM t').pluck().all(),
    db => db.prepare('SELECT d FROM t').raw().all(),
    ...[true, {}, Symbol('s'), () => {}, 2n ** 64n, new Date(0)].map(
      value => db => db.prepare('INSERT INTO t (d) VALUES (?)').run([value]),
    ),
  ]);
});

test('parameters, positional and named', t => {
  const insert = 'INSERT INTO t (b, d) VALUES (?, ?)';
  const named = 'INSERT INTO t (b, d) VALUES (@b, $d)';
  sameOutcomes(t, [
    table,
    db => db.prepare(insert).run('1', 2),
    db => db.prepare(insert).run(['2', 3]),
    db => db.prepare(insert).run(['3'], 4),
    db => db.prepare(insert).run('4'),
    db => db.prepare(insert).run('4', 5, 6),
    db => db.prepare(insert).run({}),
    db => db.prepare(named).run({ b: '5', d: 6, unused: 7 }),
    db => db.prepare(named).run({ b: '6' }),
    db => db.prepare(named).run('6', 7),
    db => db.prepare(named).run({ b: '7', d: 8 }, { b: '8', d: 9 }),
    db => db.prepare('SELECT :x AS x, ? AS y').get(1, { x: 2 }),
    db => db.prepare('SELECT * FROM t').all(),
  ]);
});

test('statements', t => {
  sameOutcomes(t, [
    table,
    db => db.prepare("INSERT INTO t (b) VALUES ('a'), ('b'), ('c')").run(),
    db => db.prepare("INSERT INTO t (b) VALUES ('a')").run(),
    db => db.prepare('UPDATE t SET d = 1 WHERE a > 1').run(),
    db => db.prepare('UPDATE t SET d = 1 WHERE a > 100').run(),
    db => db.prepare('CREATE TABLE u (x)').run(),
    db => db.prepare('SELECT b FROM t WHERE a = ?').get(2),
    db => db.prepare('SELECT b FROM t WHERE a = ?').get(200),
    db => db.prepare('SELECT b, b AS b FROM t').all(),
    db => [...db.prepare('SELECT a FROM t').iterate()],
    db => [...db.prepare('SELECT a FROM t').pluck().iterate()],
    db => [...db.prepare('SELECT a, b FROM t').raw().iterate()],
    db => db.prepare('SELECT a FROM t').pluck().pluck(false).get(),
    db => db.prepare('SELECT a FROM t').raw().pluck().get(),
    db => db.prepare('SELECT a FROM t').run(),
    db => db.prepare('DELETE FROM t WHERE 0').all(),
    db => db.prepare('DELETE FROM t WHERE 0').get(),
    db => db.prepare('DELETE FROM t WHERE 0').iterate(),
    db => db.prepare('DELETE FROM t WHERE 0').pluck(),
    db => db.prepare('DELETE FROM t WHERE 0').raw(),
    db => db.prepare('SELECT a, b AS bee, a + 1 AS more FROM t').columns(),
    db => db.prepare('SELECT nothing'),
    db => db.prepare('SELEC'),
    db => db.prepare(''),
    db => db.prepare('-- nothing'),
    db => db.prepare('SELECT 1; SELECT 2'),
    db => db.prepare('SELECT 1; -- and no more').pluck().get(),
    db => db.prepare(7),
    db => db.prepare('SELECT 1').source,
    db => db.prepare('SELECT 1').reader,
    db => db.prepare('SELECT 1').readonly,
    db => db.prepare('DELETE FROM t WHERE 0').reader,
    db => db.prepare('DELETE FROM t WHERE 0').readonly,
  ]);
});

test('calls during iteration', t => {
  sameOutcomes(t, [
    table,
    db => db.prepare("INSERT INTO t (b) VALUES ('a'), ('b'), ('c')").run(),
    db => {
      const rows = db.prepare('SELECT a FROM t').iterate();
      const found = [rows.next()];
      found.push(outcome(() => db.exec('DELETE FROM t')));
      found.push(outcome(() => db.prepare('DELETE FROM t').run()));
      found.push(outcome(() => db.prepare('SELECT b FROM t').all()));
      found.push(rows.return(), rows.next());
      found.push(outcome(() => db.prepare("DELETE FROM t WHERE b = 'a'").run()));
      return found;
    },
    db => {
      const statement = db.prepare('SELECT a FROM t');
      const rows = statement.iterate();
      const found = [rows.next(), outcome(() => statement.get())];
      for (const row of rows) found.push(row);
      return [...found, statement.get()];
    },
  ]);
});

test('transactions', t => {
  const insert = (db, value) => db.prepare('INSERT INTO t (b) VALUES (?)').run(value);
  const values = db => db.prepare('SELECT b FROM t ORDER BY b').pluck().all();
  sameOutcomes(t, [
    table,
    db => db.transaction((a, b) => (insert(db, a), insert(db, b), db.inTransaction))('1', '2'),
    db => db.transaction(() => (insert(db, '3'), insert(db, '1')))(),
    values,
    ...['deferred', 'immediate', 'exclusive', 'default'].map(
      way => db => db.transaction(() => insert(db, way).changes)[way](),
    ),
    db =>
      db.transaction(() => {
        insert(db, 'outer');
        const inner = db.transaction(() => {
          insert(db, 'inner');
          throw Error('not so fast');
        });
        return outcome(() => inner());
      })(),
    values,
    db => db.inTransaction,
    db => db.transaction(7),
    db => void db.exec('BEGIN'),
    db => db.inTransaction,
    db => void db.exec('ROLLBACK'),
  ]);
});

test('pragmas and scripts', t => {
  sameOutcomes(t, [
    db => db.pragma('user_version'),
    db => db.pragma('user_version = 7'),
    db => db.pragma('user_version', { simple: true }),
    db => db.pragma('cache_size', { simple: true }),
    db => db.pragma('foreign_keys', { simple: true }),
    db => db.pragma('encoding', { simple: true }),
    db => db.pragma('page_size', { simple: true }),
    db => db.pragma('busy_timeout', { simple: true }),
    db => db.exec('CREATE TABLE a (x); INSERT INTO a VALUES (1); INSERT INTO a VALUES (2)') === db,
    db => db.prepare('SELECT count(*) AS n FROM a').get(),
    db => db.exec('INSERT INTO a VALUES (3); INSERT INTO nowhere VALUES (4)'),
    db => db.prepare('SELECT count(*) AS n FROM a').get(),
    db => db.exec(7),
    db => db.pragma(7),
  ]);
});

test('opening, closing, and properties of a database', t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-database-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  for (const Kind of [Database, BetterSqlite3]) {
    const kind = Kind === Database ? 'ours' : 'theirs';
    const db = Kind(path.join(dir, kind));
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    db.close();
  }
  const facts = db => [db.open, db.memory, db.readonly, db.inTransaction, path.basename(db.name).length > 0];
  const acts = [
    facts,
    db => db.prepare('SELECT a FROM t').all(),
    db => db.prepare('INSERT INTO t VALUES (2)').run(),
    db => db.close() === db,
    db => db.close() === db,
    facts,
    db => db.prepare('SELECT 1'),
    db => db.exec('SELECT 1'),
    db => db.pragma('user_version'),
    db => db.serialize(),
  ];
  const open = (options, name) => [
    () => new Database(path.join(dir, name ?? 'ours'), options),
    () => new BetterSqlite3(path.join(dir, name ?? 'theirs'), options),
  ];
  sameOutcomes(t, acts, open({}));
  sameOutcomes(t, acts, open({ readonly: true }));
  sameOutcomes(t, acts, open({ fileMustExist: true }));
  const failing = [
    ['none', { fileMustExist: true }],
    ['none', { readonly: true }],
    ['nowhere/none', {}],
    ['new', { timeout: -1 }],
    ['new', 7],
  ];
  for (const [name, options] of failing) {
    const [ours, theirs] = open(options, name).map(outcome);
    t.deepEqual(ours, theirs, `${name} ${JSON.stringify(options)}`);
    t.truthy(ours.threw);
  }
  t.deepEqual(
    outcome(() => new Database(true)),
    outcome(() => new BetterSqlite3(true)),
  );
  // Later versions of better-sqlite3, which these tests have on Node.js 24, take the number of an open file.
  t.throws(() => new Database(7), { name: 'TypeError', message: 'Expected first argument to be a string' });
});

test('a database from an empty buffer is empty', t => {
  const acts = [
    db => db.prepare('SELECT count(*) FROM sqlite_master').pluck().get(),
    db => db.exec('CREATE TABLE a (b)').memory,
  ];
  sameOutcomes(t, acts, [() => new Database(Buffer.alloc(0)), () => new BetterSqlite3(Buffer.alloc(0))]);
});

test('a serialized database', t => {
  const acts = [facts => facts.prepare('SELECT d FROM t').pluck().all(), db => db.memory, db => db.name];
  const make = Kind => {
    const db = new Kind();
    db.exec("CREATE TABLE t (d); INSERT INTO t VALUES ('kept')");
    return db.serialize();
  };
  const serialized = [make(Database), make(BetterSqlite3)];
  sameOutcomes(t, acts, [() => new Database(serialized[0]), () => new BetterSqlite3(serialized[1])]);
  // Each reads the other's writes.
  sameOutcomes(t, acts, [() => new Database(serialized[1]), () => new BetterSqlite3(serialized[0])]);
});

/** Makes each sub-store over a handle; `makers` by name. */
const nothing = () => {};
const makers = {
  makeKVStore: db => makeKVStore(db, nothing, nothing),
  makeTranscriptStore: db => makeTranscriptStore(db, nothing),
  makeSnapStore: db => makeSnapStore(db, nothing, makeSnapStoreIO()),
  makeBundleStore: db => makeBundleStore(db, nothing),
};

test("better-sqlite3's handle on a file is refused, with the code to write instead", t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'swing-store-database-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  const onFile = new BetterSqlite3(path.join(dir, 'file'));
  const attached = new BetterSqlite3();
  attached.prepare('ATTACH ? AS other').run(path.join(dir, 'other'));
  const frozen = Object.freeze(new BetterSqlite3());
  const begun = new BetterSqlite3();
  begun.exec('BEGIN');
  for (const [name, make] of Object.entries(makers)) {
    for (const db of [onFile, attached]) {
      const message =
        /on a file.*\n {2}import \{ Database \} from 'swing-store-native';\n {2}const db = new Database\(path\);$/s;
      t.throws(() => make(db), { message, code: 'ERR_SWING_STORE_ARGUMENT' }, name);
    }
    t.throws(() => make(frozen), { message: /frozen or hardened/ }, name);
    t.throws(() => make(begun), { message: /an open transaction/ }, name);
    for (const db of [undefined, null, 7, {}, { memory: true }]) {
      t.throws(() => make(db), { message: /db must be a Database of swing-store-native/ }, name);
    }
  }
  t.deepEqual(onFile.prepare('SELECT * FROM sqlite_schema').all(), []);
  onFile.close();
  attached.close();
  begun.close();
});

test("better-sqlite3's in-memory handle is taken over with its contents", async t => {
  const db = new BetterSqlite3(':memory:');
  db.exec("CREATE TABLE bundles (bundleID TEXT PRIMARY KEY, bundle BLOB); INSERT INTO bundles VALUES ('b1-a', 'zip')");
  const before = db.prepare('SELECT count(*) FROM bundles').pluck();
  t.is(before.get(), 1);
  const noted = [];
  const begin = () => {
    if (!db.inTransaction) db.prepare('BEGIN IMMEDIATE TRANSACTION').run();
  };
  const bundleStore = makeBundleStore(db, begin, (...args) => noted.push(args));
  t.true(bundleStore.hasBundle('b1-a'));
  // A statement that was prepared earlier fails.
  t.throws(() => before.get(), { message: /no such table: bundles/, any: true });
  const kvStore = makeKVStore(db, begin, nothing);
  t.false(db.inTransaction);
  kvStore.set('a', '1');
  t.true(db.inTransaction);
  t.is(db.prepare('SELECT value FROM kvStore WHERE key = ?').pluck().get('a'), '1');
  db.exec('ROLLBACK');
  t.false(db.inTransaction);
  t.is(kvStore.get('a'), undefined);
  db.transaction(() => {
    t.true(db.inTransaction);
    kvStore.set('b', '2');
  })();
  t.false(db.inTransaction);
  t.throws(() =>
    db.transaction(() => {
      kvStore.set('c', '3');
      throw Error('undone');
    })(),
  );
  const statement = db.prepare('SELECT key FROM kvStore');
  t.is(statement.database, db);
  t.deepEqual(statement.pluck().all(), ['b']);
  t.is(db.pragma('user_version', { simple: true }), 0);
  // The other sub-stores over the same handle have the same database.
  const snapStore = makeSnapStore(db, begin, makeSnapStoreIO());
  const { hash } = await snapStore.saveSnapshot('v1', 1, [Buffer.from('image')]);
  t.is(db.prepare('SELECT hash FROM snapshots').pluck().get(), hash);
  db.exec('COMMIT');
  t.is(new Database(db.serialize()).prepare('SELECT count(*) FROM snapshots').pluck().get(), 1);
  t.throws(() => db.function('f', nothing), { message: /not available/ });
  db.close();
  t.false(db.open);
  const message = 'The database connection is not open';
  t.throws(() => kvStore.get('b'), { message });
  t.throws(() => makeKVStore(db, nothing, nothing), { message });

  // A transaction that an older statement begins is noticed.
  const other = new BetterSqlite3();
  const old = other.prepare('BEGIN');
  const store = makeKVStore(other, () => old.run(), nothing);
  t.throws(() => store.set('a', '1'), { message: /prepared before the sub-store was made/ });
  other.close();
});

test('methods need their Database', t => {
  const { prepare } = new Database();
  t.throws(() => prepare('SELECT 1'), { instanceOf: TypeError });
});

// Mistakes of tools, on a table with a CHECK and one without.
const MISTAKES = [
  db => db.exec('SELEC 1'),
  db => db.exec('SELECT 1; INSERT INTO'),
  db => db.exec('INSERT INTO nope VALUES (1)'),
  db => db.exec('SELECT nope(1)'),
  db => db.exec('SELECT a FROM checked, checked AS other'),
  db => db.exec('INSERT INTO checked VALUES (1, 1); INSERT INTO checked VALUES (1, 2)'),
  db => db.exec('INSERT INTO checked VALUES (5, -1)'),
  db => db.exec('INSERT INTO free VALUES (?)') && null,
  db => db.exec('COMMIT'),
  db => db.exec('BEGIN; BEGIN'),
  db => db.exec('ROLLBACK'),
  db => db.exec('ROLLBACK TO nope'),
  db => db.exec('RELEASE nope'),
  db => db.exec("SELECT json('{')"),
  db => db.exec('SELECT abs(-9223372036854775808)'),
  db => db.exec("ATTACH '/nonexistent/x' AS y"),
  db => void db.exec(''),
  db => db.exec(1),
  db => db.prepare('SELEC 1'),
  db => db.prepare('SELECT * FROM nope'),
  db => db.prepare(''),
  db => db.prepare('SELECT 1; SELECT 2'),
  db => db.prepare(null),
  db => db.prepare('INSERT INTO checked VALUES (?, ?)').run(7, -1),
  db => db.prepare('INSERT INTO checked VALUES (?, ?)').run(1),
  db => db.prepare('INSERT INTO checked VALUES (?, ?)').run(1, 2, 3),
  db => db.prepare('INSERT INTO checked VALUES (?, ?)').run(1, true),
  db => db.prepare('INSERT INTO checked VALUES (?, ?)').run(1, 2n ** 70n),
  db => db.prepare('INSERT INTO checked VALUES (@a, @b)').run({ a: 1 }),
  db => db.prepare('INSERT INTO checked VALUES (@a, @b)').run(),
  db => db.prepare('DELETE FROM free').get(),
  db => db.prepare('DELETE FROM free').all(),
  db => db.prepare('DELETE FROM free').iterate(),
  db => db.prepare('DELETE FROM free').pluck(),
  db => db.prepare('DELETE FROM free').columns(),
  db => db.prepare("SELECT json('{')").get(),
  db => db.prepare("SELECT json('{')").all(),
  db => [...db.prepare("SELECT json('{')").iterate()],
  db => db.pragma('foo bar'),
  db => db.pragma('user_version; SELECT 1'),
  db => db.pragma('user_version', 1),
  db => db.pragma(1),
  db => db.transaction(1),
  db => db.transaction(() => db.exec('SELEC 1'))(),
  db => db.transaction(() => db.exec('COMMIT'))(),
  // In the database that is limited to 536,870,888 bytes, without a string of that length here.
  db => db.exec('SELECT zeroblob(536870889)'),
  db => db.prepare('SELECT zeroblob(300000000) || zeroblob(300000000)').get(),
  db => db.prepare('INSERT INTO free VALUES (zeroblob(536870888))').run(),
];

test("mistakes have better-sqlite3's messages", t => {
  for (const mistake of MISTAKES) {
    sameOutcomes(t, [
      db => void db.exec('CREATE TABLE checked (a PRIMARY KEY, b CHECK (b > 0)); CREATE TABLE free (a)'),
      mistake,
      db => db.inTransaction,
      db => db.prepare('SELECT * FROM checked').all(),
      db => db.prepare('SELECT * FROM free').all(),
    ]);
  }
});
