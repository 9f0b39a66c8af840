// Stores with a different schema: a schema that would change or refuse a kernel's writes can't be opened for writing, nothing
// reads an object in place of a table, and a verification names each difference.
import test from 'ava';

import sqlite3 from 'better-sqlite3';
import fs from 'node:fs';
import path from 'node:path';

import * as api from '../../index.mjs';
import { makeStore } from '../support/common/cosmic-directory.mjs';
import { inTempDir } from '../support/common/world.mjs';

const FILE = 'swingstore.sqlite';

/** Declares a table differently and keeps its rows. */
const redeclare = (table, from, to) => db => {
  const { sql } = db.prepare('SELECT sql FROM sqlite_schema WHERE name = ?').get(table);
  const changed = sql.replace(from, to);
  if (changed === sql) throw Error(`${table} is declared by ${sql}`);
  const columns = db.prepare(`SELECT group_concat(name, ', ') FROM pragma_table_info('${table}')`).pluck().get();
  db.pragma('foreign_keys=OFF');
  db.exec(
    `ALTER TABLE ${table} RENAME TO former; ${changed}; INSERT INTO ${table} (${columns}) SELECT ${columns} FROM former`,
  );
  db.exec(`DROP TABLE former`);
};

const sql = text => db => db.exec(text);

/** Changes the schema's own table. */
const tamper =
  (create, ...changes) =>
  db => {
    db.unsafeMode(true);
    db.exec(`${create}; PRAGMA writable_schema=1`);
    for (const change of changes) db.exec(`UPDATE sqlite_schema SET ${change}`);
  };

const rewrites = `AFTER UPDATE ON kvStore BEGIN UPDATE kvStore SET value = 'evil' WHERE key = 'runQueue'; END`;

/** Objects that change or refuse writes. */
const altered = {
  'a trigger': sql(`CREATE TRIGGER t ${rewrites}`),
  'a trigger with the name of something of SQLite': tamper(
    `CREATE TRIGGER t ${rewrites}`,
    `name = 'sqlite_t', sql = replace(sql, 'TRIGGER t', 'TRIGGER sqlite_t') WHERE name = 't'`,
  ),
  'a trigger that refuses': sql(`CREATE TRIGGER t BEFORE INSERT ON bundles BEGIN SELECT RAISE(ABORT, 'no'); END`),
  'keys without cases': redeclare('kvStore', 'key TEXT', 'key TEXT COLLATE NOCASE'),
  'another type': redeclare('kvStore', 'value TEXT', 'value INTEGER'),
  'a default': redeclare('kvStore', 'value TEXT', "value TEXT DEFAULT 'x'"),
  'no NULL': redeclare('transcriptSpans', 'hash TEXT', "hash TEXT NOT NULL DEFAULT ''"),
  'a CHECK that fails one day': redeclare(
    'kvStore',
    'PRIMARY KEY (key)',
    "PRIMARY KEY (key), CHECK (key <> 'host.height' OR CAST(value AS INTEGER) < 1000)",
  ),
  'a foreign key': redeclare(
    'transcriptItems',
    'PRIMARY KEY (vatID, position)',
    'PRIMARY KEY (vatID, position), FOREIGN KEY (vatID) REFERENCES kvStore (key) ON DELETE CASCADE',
  ),
  'another answer to conflicts': redeclare(
    'bundles',
    'PRIMARY KEY (bundleID)',
    'PRIMARY KEY (bundleID) ON CONFLICT IGNORE',
  ),
  'no row IDs': redeclare('kvStore', /\)\s*$/, ') WITHOUT ROWID'),
  'a unique index': sql('CREATE UNIQUE INDEX u ON transcriptItems (vatID, position, item)'),
  'an index over an expression': sql('CREATE INDEX e ON kvStore (abs(length(value)))'),
  'an index over some rows': sql('CREATE INDEX p ON kvStore (value) WHERE length(value) > 5'),
};

/** Objects in place of a table, and computed columns. */
const replaced = {
  'a view of spans': sql('DROP TABLE transcriptSpans; CREATE VIEW transcriptSpans AS SELECT 1 AS vatID'),
  'an endless view': sql(
    `DROP TABLE transcriptItems; CREATE VIEW transcriptItems AS
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS vatID, i AS position FROM n`,
  ),
  'a computed column': db => {
    const { sql: declared } = db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'bundles'").get();
    db.exec(`DROP TABLE bundles; ${declared.replace('bundle BLOB', 'bundle BLOB AS (zeroblob(400000000))')}`);
  },
};

/** Additions that a store may have. A verification warns of them. */
const harmless = {
  'a table': sql('CREATE TABLE notes (x)'),
  'a column': sql('ALTER TABLE kvStore ADD COLUMN note TEXT'),
  'an index': sql('CREATE INDEX i ON transcriptItems (incarnation)'),
  'a view': sql('CREATE VIEW v AS SELECT * FROM kvStore'),
  statistics: sql('ANALYZE'),
};

const inStore = async use =>
  inTempDir(async base => {
    const dir = path.join(base, 'store');
    await makeStore(api, dir, {}, { items: 5, imageSize: 1000 });
    await use({
      dir,
      base,
      change(what) {
        const db = sqlite3(path.join(dir, FILE));
        what(db);
        db.close();
      },
    });
  });

const findingsOf = async dir => {
  const { findings } = await api.verifySwingStore(dir, { artifactMode: 'debug' });
  return findings;
};

for (const [name, change] of Object.entries({ ...altered, ...replaced })) {
  test(`${name}: nothing writes to it`, async t => {
    await inStore(async store => {
      store.change(change);
      const file = path.join(store.dir, FILE);
      const before = fs.readFileSync(file);
      const code = 'ERR_SWING_STORE_SCHEMA';
      t.throws(() => api.openSwingStore(store.dir), { code });
      await t.throwsAsync(api.pruneSwingStore(store.dir, { keep: 'operational' }), { code });
      await t.throwsAsync(api.reclaimSwingStoreSpace(store.dir, { method: 'rewrite' }), { code });
      const findings = await findingsOf(store.dir);
      t.true(
        findings.some(({ kind, severity }) => kind === 'schema-altered' && severity === 'error'),
        JSON.stringify(findings),
      );
      t.deepEqual(fs.readFileSync(file), before);
    });
  });
}

for (const [name, change] of Object.entries(replaced)) {
  test(`${name}: nothing reads it`, async t => {
    await inStore(async store => {
      store.change(change);
      const code = 'ERR_SWING_STORE_SCHEMA';
      t.throws(() => api.makeSwingStoreExporter(store.dir), { code });
      const to = path.join(store.base, 'export');
      await t.throwsAsync(api.exportSwingStoreToDirectory(store.dir, to), { code });
      t.false(fs.existsSync(to));
      await t.throwsAsync(async () => api.openSwingStoreHistory(store.dir), { code });
      await t.throwsAsync(api.diffSwingStores(store.dir, store.dir), { code });
    });
  });
}

for (const [name, change] of Object.entries(harmless)) {
  test(`${name}: the store is used, and a verification says so`, async t => {
    await inStore(async store => {
      store.change(change);
      const { kernelStorage, hostStorage } = api.openSwingStore(store.dir);
      kernelStorage.kvStore.set('key', 'value');
      await hostStorage.commit();
      await hostStorage.close();
      const findings = await findingsOf(store.dir);
      t.true(findings.some(({ kind, severity }) => kind === 'schema-differs' && severity === 'warning'));
      t.false(findings.some(({ kind }) => kind === 'schema-altered'));
    });
  });
}

test('a function in a schema has no effect, and no tool disables the journal', async t => {
  await inStore(async store => {
    const { debug, hostStorage } = api.openSwingStore(store.dir);
    const db = debug.getDatabase();
    t.throws(() => db.exec('PRAGMA writable_schema=1; DELETE FROM sqlite_schema'), { code: 'SQLITE_ERROR' });
    t.is(db.pragma('trusted_schema', { simple: true }), 0);
    await hostStorage.close();
  });
});
