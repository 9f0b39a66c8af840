// Stores whose tables lack a column, as in older schemas, are refused before anything is written: with the reference's message
// by its functions, and with advice by our own.
import '@endo/init/debug.js';

import sqlite3 from 'better-sqlite3';
import test from 'ava';
import fs from 'node:fs';
import path from 'node:path';
import { runCli } from '../support/common/cli.mjs';
import { assertSame } from '../support/common/compare.mjs';
import { fillStore } from '../support/common/cosmic-directory.mjs';
import { reference, subject } from '../support/common/implementations.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

const check = subjectIsReference ? test.skip : test;

const OLD = [
  ['transcriptSpans', 'incarnation'],
  ['transcriptItems', 'incarnation'],
];

/** A store without these columns; its log is in the file. */
const makeOld = async (dir, columns, journalMode = 'wal') => {
  const store = reference.api.initSwingStore(dir);
  await fillStore(store);
  await store.hostStorage.commit();
  await store.hostStorage.close();
  const db = sqlite3(path.join(dir, 'swingstore.sqlite'));
  for (const [table, column] of columns) db.exec(`ALTER TABLE ${table} DROP COLUMN ${column}`);
  db.pragma(`journal_mode=${journalMode}`);
  db.close();
};

/** The file's contents, including its log: a connection that only reads leaves an empty log. */
const read = dir =>
  ['swingstore.sqlite', 'swingstore.sqlite-wal']
    .map(name => path.join(dir, name))
    .filter(file => fs.existsSync(file))
    .map(file => fs.readFileSync(file))
    .filter(contents => contents.length > 0);

const withDatabase = (use, options) => (impl, dir) => {
  const db = impl.openDatabase(path.join(dir, 'swingstore.sqlite'), options);
  try {
    return use(impl.api, db);
  } finally {
    db.close();
  }
};
const nothing = () => {};

/** Functions that open a store, and that the reference has, too. */
const openings = {
  openSwingStore: ({ api }, dir) => api.openSwingStore(dir),
  'a file': ({ api }, dir) => api.openSwingStore(path.join(dir, 'swingstore.sqlite'), { asFile: true }),
  readonly: ({ api }, dir) => api.openSwingStore(dir, { readonly: true }),
  fast: ({ api }, dir) => api.openSwingStore(dir, { unsafeFastMode: true }),
  makeSwingStoreExporter: ({ api }, dir) => api.makeSwingStoreExporter(dir),
  makeKVStore: withDatabase((api, db) => void api.makeKVStore(db, nothing, nothing)),
  makeTranscriptStore: withDatabase((api, db) => void api.makeTranscriptStore(db, nothing)),
  makeSnapStore: withDatabase((api, db) => void api.makeSnapStore(db, nothing, api.makeSnapStoreIO())),
  makeBundleStore: withDatabase((api, db) => void api.makeBundleStore(db, nothing)),
};

const outcome = (act, impl, dir) => {
  try {
    act(impl, dir);
    return 'opened';
  } catch ({ name, code, message }) {
    return { name, code, message };
  }
};

const COLUMNS = [
  OLD,
  ...OLD.map(column => [column]),
  [['kvStore', 'value']],
  [['transcriptSpans', 'hash']],
  [['transcriptSpans', 'endPos']],
  [['transcriptItems', 'item']],
  [['snapshots', 'hash']],
  [['snapshots', 'uncompressedSize']],
  [['snapshots', 'compressedSize']],
  [['snapshots', 'compressedSnapshot']],
  [['bundles', 'bundle']],
  [['pendingExports', 'value']],
];

for (const columns of COLUMNS) {
  test(`refused as by the reference, without ${columns.map(column => column.join('.')).join(' and ')}`, async t => {
    await inTempDir(async base => {
      const old = path.join(base, 'old');
      await makeOld(old, columns);
      for (const [name, act] of Object.entries(openings)) {
        const outcomes = [subject, reference].map((impl, index) => {
          // After the failure, the reference's connection stays open.
          const dir = path.join(base, `${name}-${index}`);
          fs.cpSync(old, dir, { recursive: true });
          const found = outcome(act, impl, dir);
          if (found !== 'opened' && index === 0) assertSame(read(dir), read(old), name);
          return found;
        });
        if (name.startsWith('open')) t.like(outcomes[0], { name: 'SqliteError', code: 'SQLITE_ERROR' });
        t.deepEqual(outcomes[0], outcomes[1], name);
      }
    });
  });
}

check('no journal mode is changed', async t => {
  await inTempDir(async base => {
    const old = path.join(base, 'old');
    await makeOld(old, OLD, 'delete');
    const before = read(old);
    for (const act of Object.values(openings)) {
      outcome(act, subject, old);
      assertSame(read(old), before, `${act}`);
    }
    t.pass();
  });
});

check('functions of our own explain the error, and write nothing', async t => {
  await inTempDir(async base => {
    const at = name => path.join(base, name);
    const good = reference.api.initSwingStore(at('good'));
    await fillStore(good);
    await good.hostStorage.commit();
    await good.hostStorage.close();
    const { api } = subject;
    await api.exportSwingStoreToDirectory(at('good'), at('export'), { artifactMode: 'debug' });
    for (const mode of ['wal', 'delete']) {
      const old = at(mode);
      await makeOld(old, OLD, mode);
      const before = read(old);
      const functions = {
        export: () => api.exportSwingStoreToDirectory(old, at('out')),
        history: () => api.openSwingStoreHistory(old),
        diff: () => api.diffSwingStores(old, at('good')),
        prune: () => api.pruneSwingStore(old, { keep: 'operational' }),
        repopulate: () => api.repopulateSwingStoreFromDirectory(at('export'), old),
        reclaim: () => api.reclaimSwingStoreSpace(old, { method: 'rewrite' }),
        repair: () => api.repairSwingStoreFromDirectory(at('export'), old),
        archive: () => api.archiveSwingStore(old, at('archive')),
      };
      const expected =
        /^there is no store in .*: its swingstore\.sqlite has tables of another version \(no such column: incarnation\)/;
      for (const [name, act] of Object.entries(functions)) {
        const { message, code } = await t.throwsAsync(async () => act(), undefined, name);
        t.regex(message, expected, name);
        t.is(code, 'ERR_SWING_STORE_OPEN', name);
        assertSame(read(old), before, name);
      }
      // A verification reports it with all other findings.
      const { findings } = await api.verifySwingStore(old);
      t.true(findings.some(({ kind, message }) => kind === 'schema-missing' && message.includes('incarnation')));
      assertSame(read(old), before, 'verify');
    }
    const { code, stderr } = await runCli(['inspect', '--state-dir', at('wal')]);
    t.is(code, 3);
    t.regex(stderr, /has tables of another version/);
  });
});
