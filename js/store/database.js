'use strict';

const native = require('../addon/native.js');
const { check, followTaming } = require('../common/errors.js');
const { takeOptions } = require('../common/options.js');
const { clearCachesOf } = require('./caches.js');

/** Throws better-sqlite3's error unless an option is a boolean. */
const aBoolean = (name, value) => {
  if (typeof value !== 'boolean') throw new TypeError(`Expected the "${name}" option to be a boolean`);
};

/** Checks the options of a Database, which are those of better-sqlite3. */
const OPTIONS = {
  readonly: aBoolean,
  fileMustExist: aBoolean,
  timeout(name, value) {
    if (!Number.isInteger(value) || value < 0) {
      throw new TypeError('Expected the "timeout" option to be a positive integer');
    }
    if (value > 0x7fffffff) throw new RangeError('Option "timeout" cannot be greater than 2147483647');
  },
  verbose(name, value) {
    if (value === null) return;
    throw new TypeError(
      'This Database does not support better-sqlite3\'s option "verbose": it does not report statements. ' +
        'Omit the option',
    );
  },
  // The path of better-sqlite3's binary. This Database uses its own and ignores the option.
  nativeBinding(name, value) {
    if (typeof value !== 'string' && typeof value !== 'object') {
      throw new TypeError('Expected the "nativeBinding" option to be a string or addon object');
    }
  },
};

/** Throws unless the database is the main one: no other can be serialized. */
const isMain = (name, value) => {
  if (value !== 'main')
    throw new TypeError('Expected the "attached" option to be "main": only the main database can be serialized');
};

/** Throws better-sqlite3's error unless the options are an object or undefined. */
const checkObject = options => {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw new TypeError('Expected second argument to be an options object');
  }
};

/** Throws better-sqlite3's error unless a method's argument is a boolean. */
const checkToggle = on => {
  if (typeof on !== 'boolean') throw new TypeError('Expected first argument to be a boolean');
};

/** For each Database, the addon's object for it and what it was opened with. */
const secrets = new WeakMap();

const secretsOf = db => {
  const found = secrets.get(db);
  if (!found) throw new TypeError('Illegal invocation: this is not a Database');
  return found;
};

/**
 * The addon's object for a Database.
 *
 * @param {unknown} db
 * @throws if `db` is not a Database
 */
const handleOf = db => {
  const found = secrets.get(db);
  check(found, 'db must be a Database of swing-store-native, or an in-memory handle of better-sqlite3');
  return found.handle;
};

/** Splits a statement's arguments into positional values, names, and the values of these names. */
const parameters = args => {
  const positional = [];
  let named;
  for (const arg of args) {
    if (Array.isArray(arg)) {
      positional.push(...arg);
    } else if (typeof arg === 'object' && arg !== null && !ArrayBuffer.isView(arg)) {
      if (named) {
        throw new TypeError('You cannot specify named parameters in two different objects');
      }
      named = arg;
    } else {
      positional.push(arg);
    }
  }
  return [positional, named && Object.keys(named), named && Object.keys(named).map(name => named[name])];
};

/** Iterates over the rows of a statement. */
class Rows {
  #native;

  #convert;

  #asArrays;

  #done = false;

  constructor(statement, convert, asArrays) {
    this.#native = statement;
    this.#convert = convert;
    this.#asArrays = asArrays;
  }

  next() {
    const row = this.#done ? undefined : this.#native.step(this.#asArrays);
    if (row === undefined) {
      this.#done = true;
      return { value: undefined, done: true };
    }
    return { value: this.#convert(row), done: false };
  }

  return(value) {
    if (!this.#done) this.#native.stop();
    this.#done = true;
    return { value, done: true };
  }

  [Symbol.iterator]() {
    return this;
  }

  /** @param {Rows} rows */
  static areOpen(rows) {
    return !rows.#done;
  }
}

/** Makes a method that throws, in place of a better-sqlite3 method that this package lacks. */
const unavailable = name =>
  function notAvailable() {
    throw new TypeError(
      `${name}() of better-sqlite3 is not available in swing-store-native: open a copy of the file with ` +
        'better-sqlite3, or the file itself when no store has it open',
    );
  };

/** The methods of better-sqlite3's databases that this package lacks. */
const UNAVAILABLE = ['function', 'aggregate', 'table', 'backup', 'loadExtension', 'defaultSafeIntegers', 'unsafeMode'];

/** A prepared statement. */
class Statement {
  #native;

  #db;

  #source;

  #mode = 'objects';

  /** @type {Rows | undefined} */
  #rows;

  constructor(db, source, statement) {
    this.#db = db;
    this.#source = source;
    this.#native = statement;
  }

  get database() {
    return this.#db;
  }

  get source() {
    return this.#source;
  }

  get reader() {
    return this.#native.returnsData();
  }

  get readonly() {
    return this.#native.isReadonly();
  }

  get busy() {
    return this.#rows !== undefined && Rows.areOpen(this.#rows);
  }

  get #asArrays() {
    return this.#mode !== 'objects';
  }

  #convert = row => (this.#mode === 'values' ? row[0] : row);

  #setMode(mode, on) {
    if (!this.#native.returnsData()) {
      throw new TypeError(
        `The ${mode === 'values' ? 'pluck' : 'raw'}() method is only for statements that return data`,
      );
    }
    checkToggle(on);
    if (on) this.#mode = mode;
    else if (this.#mode === mode) this.#mode = 'objects';
    return this;
  }

  run(...args) {
    return this.#native.run(...parameters(args));
  }

  get(...args) {
    const [row] = this.#native.query(...parameters(args), 1, this.#asArrays);
    return row === undefined ? undefined : this.#convert(row);
  }

  all(...args) {
    const rows = this.#native.query(...parameters(args), undefined, this.#asArrays);
    return this.#mode === 'values' ? rows.map(this.#convert) : rows;
  }

  iterate(...args) {
    this.#native.start(...parameters(args));
    this.#rows = new Rows(this.#native, this.#convert, this.#asArrays);
    return this.#rows;
  }

  pluck(on = true) {
    return this.#setMode('values', on);
  }

  raw(on = true) {
    return this.#setMode('arrays', on);
  }

  columns() {
    if (!this.#native.returnsData()) {
      throw new TypeError('The columns() method is only for statements that return data');
    }
    return this.#native.columns();
  }
}

/**
 * Makes a function that runs `fn` in a transaction, and rolls back if `fn` throws.
 *
 * @param {Database} db
 * @param {(...args: any[]) => any} fn
 * @param {string} begin the statement that begins the transaction
 */
const inTransaction = (db, fn, begin) =>
  function transaction(...args) {
    // Within a transaction, a savepoint takes the place of a nested one.
    const nested = db.inTransaction;
    db.exec(nested ? 'SAVEPOINT `\t_swing.\t`' : begin);
    try {
      const result = Reflect.apply(fn, this, args);
      db.exec(nested ? 'RELEASE `\t_swing.\t`' : 'COMMIT');
      return result;
    } catch (error) {
      if (db.inTransaction) {
        db.exec(nested ? 'ROLLBACK TO `\t_swing.\t`; RELEASE `\t_swing.\t`' : 'ROLLBACK');
      }
      throw error;
    }
  };

/**
 * A connection to an SQLite database, with the part of better-sqlite3's interface that store tools use. May be called
 * without `new`.
 */
function Database(filename = '', options = undefined) {
  if (new.target === undefined) return new Database(filename, options);
  const isSerialized = Buffer.isBuffer(filename);
  if (!isSerialized && typeof filename !== 'string') {
    throw new TypeError('Expected first argument to be a string');
  }
  checkObject(options);
  if (options && 'readOnly' in options) {
    throw new TypeError('Misspelled option "readOnly" should be "readonly"');
  }
  if (options && 'memory' in options) {
    throw new TypeError('Option "memory" was removed in v7.0.0 (use ":memory:" filename instead)');
  }
  const taken = takeOptions('Database', options, OPTIONS, TypeError);
  const { readonly = false, fileMustExist = false, timeout = 5000 } = taken;
  const name = isSerialized ? ':memory:' : filename.trim();
  const memory = name === '' || name === ':memory:';
  followTaming();
  const handle = native.openDatabase(
    memory ? null : name,
    isSerialized ? filename : undefined,
    JSON.stringify({ readonly, mustExist: fileMustExist, timeout }),
  );
  secrets.set(this, { handle, name, memory, readonly });
  return this;
}

/**
 * Makes a Database for a connection that the addon has opened.
 *
 * @param {any} handle the addon's object
 * @param {string} name the path of the database file
 * @param {boolean} readonly
 * @returns {Database}
 */
const databaseOver = (handle, name, readonly) => {
  const db = Object.create(Database.prototype);
  secrets.set(db, { handle, name, memory: false, readonly });
  return db;
};

Object.defineProperties(Database.prototype, {
  prepare: {
    writable: true,
    configurable: true,
    value: function prepare(sql) {
      if (typeof sql !== 'string') throw new TypeError('Expected first argument to be a string');
      return new Statement(this, sql, secretsOf(this).handle.prepare(sql));
    },
  },
  exec: {
    writable: true,
    configurable: true,
    value: function exec(sql) {
      if (typeof sql !== 'string') throw new TypeError('Expected first argument to be a string');
      secretsOf(this).handle.execute(sql);
      return this;
    },
  },
  pragma: {
    writable: true,
    configurable: true,
    value: function pragma(source, options = undefined) {
      if (typeof source !== 'string') {
        throw new TypeError('Expected first argument to be a string');
      }
      checkObject(options);
      const { simple = false } = takeOptions('pragma', options, { simple: aBoolean }, TypeError);
      const statement = this.prepare(`PRAGMA ${source}`);
      if (!statement.reader) {
        statement.run();
        return simple ? undefined : [];
      }
      return simple ? statement.pluck().get() : statement.all();
    },
  },
  transaction: {
    writable: true,
    configurable: true,
    value: function transaction(fn) {
      if (typeof fn !== 'function') throw new TypeError('Expected first argument to be a function');
      const ways = { deferred: 'BEGIN', immediate: 'BEGIN IMMEDIATE', exclusive: 'BEGIN EXCLUSIVE' };
      const variants = { default: inTransaction(this, fn, 'BEGIN') };
      for (const [way, begin] of Object.entries(ways)) {
        variants[way] = inTransaction(this, fn, begin);
      }
      for (const variant of Object.values(variants)) {
        for (const way of Object.keys(variants)) {
          Object.defineProperty(variant, way, { value: variants[way], enumerable: true });
        }
        Object.defineProperty(variant, 'database', { value: this, enumerable: true });
      }
      return variants.default;
    },
  },
  serialize: {
    writable: true,
    configurable: true,
    value: function serialize(options = undefined) {
      checkObject(options);
      takeOptions('serialize', options, { attached: isMain }, TypeError);
      return secretsOf(this).handle.serialize();
    },
  },
  close: {
    writable: true,
    configurable: true,
    value: function close() {
      const { handle } = secretsOf(this);
      handle.close();
      clearCachesOf(handle);
      return this;
    },
  },
  inTransaction: {
    configurable: true,
    get() {
      return secretsOf(this).handle.inTransaction();
    },
  },
  open: {
    configurable: true,
    get() {
      return secretsOf(this).handle.isOpen();
    },
  },
  name: {
    configurable: true,
    get() {
      return secretsOf(this).name;
    },
  },
  memory: {
    configurable: true,
    get() {
      return secretsOf(this).memory;
    },
  },
  readonly: {
    configurable: true,
    get() {
      return secretsOf(this).readonly;
    },
  },
});

for (const name of UNAVAILABLE) {
  Object.defineProperty(Database.prototype, name, { writable: true, configurable: true, value: unavailable(name) });
}
for (const name of ['bind', 'expand', 'safeIntegers']) {
  Object.defineProperty(Statement.prototype, name, { writable: true, configurable: true, value: unavailable(name) });
}

module.exports = { Database, UNAVAILABLE, databaseOver, handleOf };
