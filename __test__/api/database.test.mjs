// The results and errors of each method of Database, in a process without SES and better-sqlite3. Fast;
// `parity/better-sqlite3.test.mjs` compares the two packages.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';

import * as api from '../../index.mjs';
import { temporaryDirectory } from '../support/common/temporary-directory.mjs';

const { Database } = api;

const open = () => {
  const db = new Database(':memory:');
  db.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
  return db;
};

const ROWS = [
  { a: 1, b: 'one' },
  { a: 2, b: 'two' },
  { a: 3, b: 'three' },
];

test('opening', t => {
  const file = path.join(temporaryDirectory(t, 'database'), 'a.sqlite');
  const made = new Database(` ${file} `);
  t.is(made.name, file);
  t.deepEqual([made.memory, made.readonly, made.open, made.inTransaction], [false, false, true, false]);
  made.exec('CREATE TABLE t (a)');
  t.is(made.close(), made);
  t.false(made.open);
  t.throws(() => made.exec('SELECT 1'), { instanceOf: TypeError, message: 'The database connection is not open' });
  const read = new Database(file, { readonly: true, fileMustExist: true, timeout: 0 });
  t.true(read.readonly);
  t.throws(() => read.exec('INSERT INTO t VALUES (1)'), { code: 'SQLITE_READONLY' });
  read.close();
  const written = new Database(file, { readonly: false, timeout: 0x7fffffff, verbose: null, nativeBinding: null });
  written.exec('INSERT INTO t VALUES (1)');
  written.close();
  for (const nativeBinding of ['a.node', {}]) new Database(file, { nativeBinding }).close();
  t.throws(() => new Database(`${file}.none`, { fileMustExist: true }), { code: 'SQLITE_CANTOPEN' });
  t.false(fs.existsSync(`${file}.none`));

  for (const name of ['', ':memory:', ' ', ' :memory: ', undefined]) {
    const db = Database(name);
    t.true(db instanceof Database);
    t.deepEqual([db.name, db.memory], [(name ?? '').trim(), true]);
    db.close();
  }
  t.is(fs.readdirSync(path.dirname(file)).length, 1);
});

test('waiting for a lock', t => {
  const file = path.join(temporaryDirectory(t, 'database'), 'a.sqlite');
  const [first, second] = [new Database(file), new Database(file, { timeout: 50 })];
  first.exec('CREATE TABLE t (a); BEGIN IMMEDIATE');
  const start = Date.now();
  t.throws(() => second.exec('BEGIN IMMEDIATE'), { code: 'SQLITE_BUSY' });
  t.true(Date.now() - start < 4000);
  for (const db of [first, second]) db.close();
});

test('invalid arguments for opening', t => {
  const error = (message, instanceOf = TypeError) => ({ instanceOf, message });
  for (const wrong of [7, null, {}, []]) {
    t.throws(() => new Database(wrong), error('Expected first argument to be a string'));
  }
  for (const wrong of [7, null, 'text', true]) {
    t.throws(() => new Database('', wrong), error('Expected second argument to be an options object'));
  }
  for (const [options, message, Class] of [
    [{ readOnly: undefined }, 'Misspelled option "readOnly" should be "readonly"'],
    [{ memory: false }, 'Option "memory" was removed in v7.0.0 (use ":memory:" filename instead)'],
    [{ readonly: 1 }, 'Expected the "readonly" option to be a boolean'],
    [{ fileMustExist: 'yes' }, 'Expected the "fileMustExist" option to be a boolean'],
    [{ timeout: 1.5 }, 'Expected the "timeout" option to be a positive integer'],
    [{ timeout: -1 }, 'Expected the "timeout" option to be a positive integer'],
    [{ timeout: '1' }, 'Expected the "timeout" option to be a positive integer'],
    [{ timeout: 0x80000000 }, 'Option "timeout" cannot be greater than 2147483647', RangeError],
    [{ nativeBinding: 7 }, 'Expected the "nativeBinding" option to be a string or addon object'],
    [{ nativeBinding: true }, 'Expected the "nativeBinding" option to be a string or addon object'],
    [{ verbose: () => {} }, /verbose/],
    [{ verbose: 0 }, /verbose/],
    [{ other: 1 }, /no option "other"/],
  ]) {
    t.throws(() => new Database('', options), error(message, Class));
  }
});

test('statements', t => {
  const db = open();
  const select = db.prepare('SELECT a, b FROM t WHERE a > ? ORDER BY a');
  t.is(select.database, db);
  t.is(select.source, 'SELECT a, b FROM t WHERE a > ? ORDER BY a');
  t.deepEqual([select.reader, select.readonly, select.busy], [true, true, false]);
  t.deepEqual(select.all(0), ROWS);
  t.deepEqual(select.all(5), []);
  t.deepEqual(select.get(1), ROWS[1]);
  t.is(select.get(5), undefined);
  t.deepEqual(
    select.columns().map(({ name }) => name),
    ['a', 'b'],
  );
  t.is(select.raw(), select);
  t.deepEqual(select.all(1), [
    [2, 'two'],
    [3, 'three'],
  ]);
  t.deepEqual(select.get(0), [1, 'one']);
  t.deepEqual([...select.iterate(2)], [[3, 'three']]);
  t.is(select.pluck(), select);
  t.deepEqual(select.all(0), [1, 2, 3]);
  t.is(select.get(1), 2);
  t.is(select.get(5), undefined);
  t.deepEqual([...select.iterate(0)], [1, 2, 3]);
  // What is not on is not turned off.
  select.raw(false);
  t.is(select.get(1), 2);
  select.pluck(false);
  t.deepEqual(select.get(1), ROWS[1]);
  select.raw(true).pluck(true).raw(true);
  t.deepEqual(select.get(1), [2, 'two']);
  select.raw(false);
  t.deepEqual(select.get(1), ROWS[1]);
  for (const wrong of [1, 'yes', null]) {
    t.throws(() => select.pluck(wrong), { instanceOf: TypeError, message: 'Expected first argument to be a boolean' });
  }

  const insert = db.prepare('INSERT INTO t VALUES (?, ?)');
  t.deepEqual([insert.reader, insert.readonly], [false, false]);
  t.like(insert.run(4, 'four'), { changes: 1, lastInsertRowid: 4 });
  for (const [method, message] of [
    ['pluck', 'The pluck() method is only for statements that return data'],
    ['raw', 'The raw() method is only for statements that return data'],
    ['columns', 'The columns() method is only for statements that return data'],
  ]) {
    t.throws(() => insert[method](), { instanceOf: TypeError, message });
  }
  for (const wrong of [7, undefined, null, {}]) {
    for (const method of ['prepare', 'exec', 'pragma']) {
      t.throws(() => db[method](wrong), { instanceOf: TypeError, message: 'Expected first argument to be a string' });
    }
  }
  db.close();
});

test('errors of SQLite', t => {
  const db = open();
  const error = t.throws(() => db.exec('nonsense'));
  t.is(error.name, 'SqliteError');
  t.is(error.constructor.name, 'SqliteError');
  t.true(error instanceof Error);
  // As better-sqlite3 has them: a comparison of two errors does not see these.
  t.deepEqual(Object.keys(error), []);
  t.deepEqual(Object.getOwnPropertyDescriptor(error, 'code'), {
    value: 'SQLITE_ERROR',
    writable: true,
    configurable: true,
    enumerable: false,
  });
  t.deepEqual(Object.getOwnPropertyDescriptor(error.constructor.prototype, 'name'), {
    value: 'SqliteError',
    writable: true,
    configurable: true,
    enumerable: false,
  });
  db.close();
});

test('parameters', t => {
  const db = open();
  const three = db.prepare('SELECT ? AS a, ? AS b, ? AS c').raw();
  t.deepEqual(three.get(1, 'x', null), [1, 'x', null]);
  t.deepEqual(three.get([1, 'x'], null), [1, 'x', null]);
  t.deepEqual(three.get(1, ['x', null]), [1, 'x', null]);
  const named = db.prepare('SELECT @a AS a, :b AS b, $c AS c').raw();
  t.deepEqual(named.get({ a: 1, b: 2, c: 3 }), [1, 2, 3]);
  const mixed = db.prepare('SELECT ? AS a, @b AS b').raw();
  t.deepEqual(mixed.get(1, { b: 2 }), [1, 2]);
  t.deepEqual(mixed.get({ b: 2 }, 1), [1, 2]);
  const [bytes] = db
    .prepare('SELECT ?')
    .raw()
    .get(new Uint8Array([1, 2]));
  t.deepEqual(bytes, Buffer.from([1, 2]));
  t.throws(() => named.get({ a: 1 }, { b: 2, c: 3 }), {
    instanceOf: TypeError,
    message: 'You cannot specify named parameters in two different objects',
  });
  t.throws(() => named.get({ a: 1, b: 2 }), { message: /"c"/ });
  t.throws(() => three.get(1), { instanceOf: RangeError });
  db.close();
});

test('iterating over rows', t => {
  const db = open();
  const select = db.prepare('SELECT a, b FROM t ORDER BY a');
  const rows = select.iterate();
  t.is(rows[Symbol.iterator](), rows);
  t.true(select.busy);
  t.deepEqual(rows.next(), { value: ROWS[0], done: false });
  t.true(select.busy);
  t.deepEqual(rows.return('left'), { value: 'left', done: true });
  t.false(select.busy);
  t.deepEqual(rows.next(), { value: undefined, done: true });
  t.deepEqual(rows.return(), { value: undefined, done: true });
  // The statement is free for the next.
  const again = select.iterate();
  t.deepEqual([...again], ROWS);
  t.false(select.busy);
  t.deepEqual(again.next(), { value: undefined, done: true });
  const other = select.iterate();
  again.return();
  t.true(select.busy);
  t.deepEqual([...other], ROWS);
  db.close();
});

test('transactions', t => {
  const db = open();
  const count = db.prepare('SELECT count(*) FROM t').pluck();
  const insert = db.prepare('INSERT INTO t VALUES (?, ?)');
  const log = [];
  const add = db.transaction(function insertBoth(a, fails) {
    log.push(db.inTransaction);
    insert.run(a, `${a}`);
    if (fails) throw Error('no');
    return this ?? 'nothing';
  });
  t.is(add(10), 'nothing');
  t.is(Reflect.apply(add, 'me', [11]).toString(), 'me');
  t.is(count.get(), 5);
  t.throws(() => add(12, true), { message: 'no' });
  t.is(count.get(), 5);
  t.false(db.inTransaction);
  t.deepEqual(log, [true, true, true]);

  // Within another, it is a savepoint.
  const outer = db.transaction(() => {
    add(13);
    t.throws(() => add(14, true), { message: 'no' });
    t.true(db.inTransaction);
    add(15);
  });
  outer();
  t.is(count.get(), 7);
  db.exec('BEGIN');
  add(16);
  t.true(db.inTransaction);
  db.exec('ROLLBACK');
  t.is(count.get(), 7);

  // One that has ended by itself is not ended again.
  const ended = db.transaction(() => {
    db.exec('ROLLBACK');
    throw Error('ended');
  });
  t.throws(() => ended(), { message: 'ended' });
  t.false(db.inTransaction);

  for (const variant of ['default', 'deferred', 'immediate', 'exclusive']) {
    t.is(typeof add[variant], 'function');
    t.is(add[variant].database, db);
    t.is(add[variant].immediate, add.immediate);
  }
  t.is(add.database, db);
  t.deepEqual(Object.keys(add).sort(), ['database', 'default', 'deferred', 'exclusive', 'immediate']);
  for (const wrong of [undefined, 'BEGIN', {}]) {
    t.throws(() => db.transaction(wrong), {
      instanceOf: TypeError,
      message: 'Expected first argument to be a function',
    });
  }
  db.close();
});

test('kinds of transactions', t => {
  const file = path.join(temporaryDirectory(t, 'database'), 'a.sqlite');
  const [db, other] = [new Database(file), new Database(file, { timeout: 0 })];
  db.exec('CREATE TABLE t (a)');
  const attempt = sql => {
    try {
      other.exec(sql);
      return 'can';
    } catch (error) {
      return error.code;
    }
  };
  const look = db.transaction(() => {
    const found = [attempt('SELECT * FROM t'), attempt('BEGIN IMMEDIATE')];
    if (other.inTransaction) other.exec('ROLLBACK');
    return found;
  });
  t.deepEqual(
    ['default', 'deferred', 'immediate', 'exclusive'].map(way => look[way]()),
    [
      ['can', 'can'],
      ['can', 'can'],
      ['can', 'SQLITE_BUSY'],
      ['SQLITE_BUSY', 'SQLITE_BUSY'],
    ],
  );
  t.deepEqual(look(), ['can', 'can']);
  for (const each of [db, other]) each.close();
});

test('pragmas', t => {
  const db = open();
  t.deepEqual(db.pragma('user_version'), [{ user_version: 0 }]);
  t.is(db.pragma('user_version', { simple: true }), 0);
  t.deepEqual(db.pragma('user_version', { simple: false }), [{ user_version: 0 }]);
  t.deepEqual(db.pragma('user_version = 7'), []);
  t.is(db.pragma('user_version = 8', { simple: true }), undefined);
  t.is(db.pragma('user_version', { simple: true }), 8);
  for (const wrong of [7, null, 'simple']) {
    t.throws(() => db.pragma('user_version', wrong), { message: 'Expected second argument to be an options object' });
  }
  t.throws(() => db.pragma('user_version', { simple: 1 }), { message: 'Expected the "simple" option to be a boolean' });
  t.throws(() => db.pragma('user_version', { other: 1 }), { instanceOf: TypeError, message: /^pragma has no option/ });
  db.close();
});

test('a serialized database', t => {
  const db = open();
  const bytes = db.serialize();
  t.true(Buffer.isBuffer(bytes));
  t.deepEqual(db.serialize({ attached: 'main' }), bytes);
  t.throws(() => db.serialize({ attached: 'temp' }), { instanceOf: TypeError, message: /"attached"/ });
  t.throws(() => db.serialize('main'), { message: 'Expected second argument to be an options object' });
  const copy = new Database(bytes);
  t.deepEqual([copy.name, copy.memory], [':memory:', true]);
  t.deepEqual(copy.prepare('SELECT * FROM t').all(), ROWS);
  const readonly = new Database(bytes, { readonly: true });
  t.throws(() => readonly.exec('DELETE FROM t'), { code: 'SQLITE_READONLY' });
  for (const each of [db, copy, readonly]) each.close();
});

test('unavailable methods', t => {
  const db = open();
  const statement = db.prepare('SELECT 1');
  for (const name of [
    'function',
    'aggregate',
    'table',
    'backup',
    'loadExtension',
    'defaultSafeIntegers',
    'unsafeMode',
  ]) {
    t.throws(() => db[name](), { instanceOf: TypeError, message: new RegExp(`^${name}\\(\\) of better-sqlite3`) });
  }
  for (const name of ['bind', 'expand', 'safeIntegers']) {
    t.throws(() => statement[name](), {
      instanceOf: TypeError,
      message: new RegExp(`^${name}\\(\\) of better-sqlite3`),
    });
  }
  const ofStatements = Object.getPrototypeOf(statement);
  for (const name of ['bind', 'expand', 'safeIntegers']) {
    const { value, ...flags } = Object.getOwnPropertyDescriptor(ofStatements, name);
    t.is(typeof value, 'function');
    t.deepEqual(flags, { writable: true, configurable: true, enumerable: false });
  }
  const { prototype } = Database;
  for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (get) t.throws(() => Reflect.apply(get, {}, []), { instanceOf: TypeError, message: /not a Database/ }, name);
  }
  t.throws(() => Reflect.apply(prototype.exec, {}, ['SELECT 1']), { message: /not a Database/ });
  db.close();
});

test('sub-stores over a Database, and over other values', t => {
  for (const make of ['makeKVStore', 'makeTranscriptStore', 'makeBundleStore']) {
    for (const wrong of [undefined, null, 7, {}, 'a.sqlite', () => {}]) {
      t.throws(
        () =>
          api[make](
            wrong,
            () => {},
            () => {},
          ),
        {
          message: /^db must be a Database of swing-store-native/,
          code: 'ERR_SWING_STORE_ARGUMENT',
        },
      );
    }
  }
});

test('closing a database clears its caches', t => {
  const { internal, kernelStorage } = api.initSwingStore();
  kernelStorage.kvStore.set('key', 'value');
  internal.db.close();
  t.throws(() => kernelStorage.kvStore.get('key'), { message: /not open/ });
});
