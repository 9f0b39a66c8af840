'use strict';

const { check } = require('../common/errors.js');
const { Database, UNAVAILABLE } = require('./database.js');

/** Whether a value has the members of a better-sqlite3 handle that `takeOver` needs. */
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
    "db must be a Database of swing-store-native: this is another SQLite library's handle on a file, and two SQLite " +
      `libraries in one process release each other's file locks. ${REPLACEMENT}`,
  );
};

/** Drops all tables of a database whose contents were moved, so that old statements fail instead of reading old rows. */
const clear = handle => {
  const names = handle
    .prepare(
      "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .all();
  for (const { type, name } of names) handle.exec(`DROP ${type} "${name.replaceAll('"', '""')}"`);
};

/**
 * Takes over an in-memory handle of better-sqlite3: moves its contents into a database of this package, and replaces the
 * handle's methods by those of that database. The sub-stores and the handle's owner then share rows and transactions.
 *
 * @param {any} handle
 * @returns {{ database: Database, checkTransaction: () => void }}
 */
const takeOver = handle => {
  check(
    Object.isExtensible(handle),
    `db is a frozen or hardened handle of another SQLite library, so this package can't take it over. ${REPLACEMENT}`,
  );
  check(
    !handle.inTransaction,
    "db is another SQLite library's handle with an open transaction: commit first, or begin after making the sub-store",
  );
  const { exec, close } = handle;
  const database = new Database(handle.serialize());
  try {
    clear(handle);
  } catch (error) {
    database.close();
    throw error;
  }

  /** `inTransaction` can't be replaced: this begins or ends a transaction of the emptied database to match ours. */
  const syncTransaction = () => {
    if (database.inTransaction === handle.inTransaction) return;
    Reflect.apply(exec, handle, [database.inTransaction ? 'BEGIN' : 'ROLLBACK']);
  };
  const syncing =
    fn =>
    (...args) => {
      try {
        return fn(...args);
      } finally {
        syncTransaction();
      }
    };
  const methods = {
    prepare(sql) {
      const statement = database.prepare(sql);
      const own = { database: handle };
      if (!statement.reader) own.run = syncing(statement.run.bind(statement));
      for (const [name, value] of Object.entries(own)) Object.defineProperty(statement, name, { value });
      return statement;
    },
    exec: syncing(sql => {
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
      'a statement that was prepared before the sub-store was made has begun or ended the transaction: prepare it ' +
        'after making the sub-store',
    );
  return { database, checkTransaction };
};

/** @type {WeakMap<object, ReturnType<typeof takeOver>>} */
const taken = new WeakMap();
const nothing = () => {};

/**
 * The database for a sub-store. Takes over a handle of better-sqlite3 at its first use.
 *
 * @param {unknown} db a Database, or an in-memory handle of better-sqlite3
 * @returns {{ database: unknown, checkTransaction: () => void }} `checkTransaction` throws if the database and the caller's
 *   handle disagree about having a transaction
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
