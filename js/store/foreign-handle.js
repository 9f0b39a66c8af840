'use strict';

const { check } = require('../common/errors.js');
const { Database, UNAVAILABLE } = require('./database.js');

/** What a handle of better-sqlite3 must have to be taken over. */
const isHandle = db =>
  typeof db === 'object' &&
  db !== null &&
  typeof db.memory === 'boolean' &&
  ['prepare', 'exec', 'pragma', 'serialize', 'close'].every(name => typeof db[name] === 'function');

const REPLACEMENT =
  "Open it with this package's Database, which has the same interface:\n" +
  "  import { Database } from 'swing-store-native';\n" +
  '  const db = new Database(path);';

/** @param {any} handle a handle of better-sqlite3 */
const checkInMemory = handle => {
  check(
    handle.memory && handle.pragma('database_list').every(({ file }) => !file),
    'db must be a Database of swing-store-native: this is a handle of another SQLite library on a file, and two of ' +
      `them in one process undo each other's file locks. ${REPLACEMENT}`,
  );
};

/** Removes the tables of a database whose contents have moved, so that old statements fail and do not mislead. */
const clear = handle => {
  const names = handle
    .prepare(
      "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .all();
  for (const { type, name } of names) handle.exec(`DROP ${type} "${name.replaceAll('"', '""')}"`);
};

/**
 * Takes over an in-memory handle of better-sqlite3: its contents move into a database of this package, and from then on the
 * handle's methods are those of that database. So the sub-stores and the handle's owner see the same rows and the same
 * transaction.
 *
 * @param {any} handle
 * @returns {{ database: Database, checkTransaction: () => void }}
 */
const takeOver = handle => {
  check(
    Object.isExtensible(handle),
    `db is a handle of another SQLite library that is frozen or hardened, so it can't be taken over. ${REPLACEMENT}`,
  );
  check(
    !handle.inTransaction,
    'db is a handle of another SQLite library with an open transaction: make the sub-store first, or commit',
  );
  const { exec, close } = handle;
  const contents = handle.serialize();
  const database = contents.length > 0 ? new Database(contents) : new Database();
  try {
    clear(handle);
  } catch (error) {
    database.close();
    throw error;
  }

  /** `inTransaction` is the one property that can't be replaced: the empty database has a transaction when ours has. */
  const follow = () => {
    if (database.inTransaction === handle.inTransaction) return;
    Reflect.apply(exec, handle, [database.inTransaction ? 'BEGIN' : 'ROLLBACK']);
  };
  const following =
    fn =>
    (...args) => {
      try {
        return fn(...args);
      } finally {
        follow();
      }
    };
  const methods = {
    prepare(sql) {
      const statement = database.prepare(sql);
      const own = { database: handle };
      if (!statement.reader) own.run = following(statement.run.bind(statement));
      for (const [name, value] of Object.entries(own)) Object.defineProperty(statement, name, { value });
      return statement;
    },
    exec: following(sql => {
      database.exec(sql);
      return handle;
    }),
    pragma: (...args) => Reflect.apply(Database.prototype.pragma, handle, args),
    transaction: fn => Reflect.apply(Database.prototype.transaction, handle, [fn]),
    serialize: options => database.serialize(options),
    close() {
      database.close();
      return Reflect.apply(close, handle, []);
    },
  };
  for (const name of UNAVAILABLE) methods[name] = Database.prototype[name];
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(handle, name, { value, writable: true, configurable: true });
  }
  const checkTransaction = () =>
    check(
      database.inTransaction === handle.inTransaction,
      'the transaction was begun or ended by a statement that was prepared before the sub-store was made: prepare it ' +
        'afterwards',
    );
  return { database, checkTransaction };
};

/** @type {WeakMap<object, ReturnType<typeof takeOver>>} */
const taken = new WeakMap();
const nothing = () => {};

/**
 * The database that a sub-store is made over, and a function that throws if its transaction is not that of the caller's
 * handle.
 *
 * @param {unknown} db a Database, or an in-memory handle of better-sqlite3
 * @returns {{ database: unknown, checkTransaction: () => void }}
 */
const databaseOf = db => {
  if (db instanceof Database || !isHandle(db)) return { database: db, checkTransaction: nothing };
  const known = taken.get(db);
  if (known) return known;
  checkInMemory(db);
  const found = takeOver(db);
  taken.set(db, found);
  return found;
};

module.exports = { databaseOf };
