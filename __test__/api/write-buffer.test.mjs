// A store's write buffer and cache are invisible: to SQL of tools during a crank, other connections, savepoints, sub-stores
// of one database, and for unusual keys.
import '@endo/init/debug.js';

import test from 'ava';
import { execFileSync } from 'node:child_process';
import { Buffer } from 'node:buffer';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { reference, subject } from '../support/common/implementations.mjs';
import { look } from '../support/common/observe.mjs';
import { drain } from '../support/common/outcome.mjs';
import { testScenarios } from '../support/common/scenarios.mjs';

const fileIn = dir => path.join(dir, 'swingstore.sqlite');

const script = fileURLToPath(new URL('../support/api/programs/run-sql.mjs', import.meta.url));

const inAnotherProcess = (dir, sql) => execFileSync(process.execPath, [script, fileIn(dir), sql]);

const SET = 'INSERT OR REPLACE INTO kvStore (key, value) VALUES (?, ?)';

const quoted = text => `'${text.replaceAll("'", "''")}'`;

/** Everything that can be read of some keys, in every way. */
const readAll = (store, keys) => {
  const { kvStore } = store.kernelStorage;
  return keys.map(key => [kvStore.get(key), kvStore.has(key), kvStore.getNextKey(key), kvStore.get(key)]);
};

const walk = ({ kernelStorage }, from = '') => {
  const keys = [];
  for (let key = from; (key = kernelStorage.kvStore.getNextKey(key)) !== undefined;) keys.push(key);
  return keys;
};

/** A store with a vat and a few keys, all committed. */
const makeStore = async ({ api, dir }, options = {}) => {
  const store = api.initSwingStore(dir, options);
  const { kvStore, transcriptStore, snapStore } = store.kernelStorage;
  for (const key of ['a', 'b', 'c', 'd']) kvStore.set(key, `old ${key}`);
  transcriptStore.initTranscript('v1');
  transcriptStore.addItem('v1', 'one');
  await snapStore.saveSnapshot('v1', 1, [Buffer.from('image')]);
  await store.hostStorage.commit();
  return store;
};

const spans = ({ kernelStorage: { transcriptStore, snapStore } }) => {
  const { compressedSize, ...info } = snapStore.getSnapshotInfo('v1') || {};
  return [
    transcriptStore.getCurrentSpanBounds('v1'),
    drain(transcriptStore.readSpan('v1')).items,
    drain(transcriptStore.readSpan('v1', 0)).items,
    typeof compressedSize,
    info,
  ];
};

const seeEverything = store => look({ store, tidy: text => text, config: {} });

const recording = () => {
  const calls = [];
  return { calls, exportCallback: entries => calls.push([...entries].map(pair => [...pair])) };
};

const keys = ['', 'a', 'b', 'bb', 'c', 'd', 'e'];

testScenarios(test, [subject, reference], {
  async 'a rollback undoes what went straight to SQL because a tool had looked before'(play) {
    const store = await makeStore(play);
    const { startCrank, establishCrankSavepoint, rollbackCrank, endCrank, kvStore } = store.kernelStorage;
    const seen = [];
    kvStore.set('d', 'before the tool');
    store.debug.getDatabase().prepare('SELECT count(*) FROM kvStore').get();
    startCrank();
    establishCrankSavepoint('deliver');
    kvStore.set('a', 'new a');
    kvStore.delete('b');
    seen.push(readAll(store, keys));
    rollbackCrank('deliver');
    seen.push(readAll(store, keys));
    endCrank();
    await store.hostStorage.commit();
    seen.push(readAll(store, keys));
    await store.hostStorage.close();
    return seen;
  },

  async 'SQL in mid-crank sees every write, and its own writes are seen'(play) {
    const { calls, exportCallback } = recording();
    const store = await makeStore(play, { exportCallback });
    const { startCrank, establishCrankSavepoint, rollbackCrank, endCrank, emitCrankHashes, kvStore, transcriptStore } =
      store.kernelStorage;
    const db = store.debug.getDatabase();
    const seen = [];
    startCrank();
    kvStore.set('a', '1');
    transcriptStore.addItem('v1', 'two');
    establishCrankSavepoint('x');
    kvStore.set('a', '2');
    kvStore.delete('b');
    kvStore.set('bb', 'new');
    transcriptStore.addItem('v1', 'three');
    for (const table of ['kvStore', 'pendingExports', 'transcriptSpans', 'transcriptItems']) {
      seen.push(db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all());
    }
    db.prepare(SET).run('c', 'by SQL');
    db.prepare('DELETE FROM kvStore WHERE key = ?').run('d');
    db.prepare(`UPDATE transcriptSpans SET hash = 'by SQL' WHERE vatID = 'v1'`).run();
    db.prepare(`INSERT OR REPLACE INTO pendingExports VALUES ('kv.c', 'by SQL')`).run();
    seen.push(readAll(store, keys), walk(store), spans(store));
    rollbackCrank('x');
    seen.push(readAll(store, keys), walk(store), spans(store));
    transcriptStore.addItem('v1', 'after');
    seen.push(emitCrankHashes(), endCrank(), calls, await seeEverything(store));
    await store.hostStorage.close();
    return seen;
  },

  async 'a tool returns to a savepoint of the crank'(play) {
    const seen = [];
    for (const back of ['ROLLBACK TO t0', 'rollback transaction to savepoint "T0" ;']) {
      for (const how of ['exec', 'run', 'script']) {
        for (const flush of [false, true]) {
          const store = await makeStore(play, { exportCallback() {} });
          const { startCrank, establishCrankSavepoint, rollbackCrank, kvStore, transcriptStore } = store.kernelStorage;
          const db = store.debug.getDatabase();
          startCrank();
          kvStore.set('a', 'before');
          kvStore.delete('d');
          transcriptStore.addItem('v1', 'before');
          establishCrankSavepoint('x');
          kvStore.set('a', 'behind');
          kvStore.set('e', 'behind');
          transcriptStore.addItem('v1', 'behind');
          if (flush) db.prepare('SELECT 1').get();
          if (how === 'exec') db.exec(back);
          if (how === 'run') db.prepare(back).run();
          if (how === 'script') {
            db.exec(`INSERT INTO kvStore VALUES ('f', '1'); ${back};
                     UPDATE kvStore SET value = value || ' and by SQL'`);
          }
          seen.push(readAll(store, keys), walk(store), spans(store), db.inTransaction);
          kvStore.set('a', 'later');
          transcriptStore.addItem('v1', 'later');
          seen.push(await seeEverything(store));
          rollbackCrank('x');
          seen.push(readAll(store, keys), await seeEverything(store));
          await store.hostStorage.close();
        }
      }
    }
    return seen;
  },

  async "a tool's own transactions and savepoints"(play) {
    const store = await makeStore(play);
    const { kernelStorage, hostStorage, debug } = store;
    const { kvStore } = kernelStorage;
    const db = debug.getDatabase();
    const seen = [];
    const see = what => seen.push([what, readAll(store, keys), walk(store), db.inTransaction]);
    for (const end of ['COMMIT', 'ROLLBACK']) {
      db.exec('BEGIN');
      see('begun');
      kvStore.set('a', end);
      kvStore.delete('b');
      see('written');
      db.exec(end);
      see(end);
    }
    db.exec('SAVEPOINT tool');
    kvStore.set('a', 'in a savepoint');
    db.exec('ROLLBACK TO tool');
    see('rolled back');
    kvStore.set('c', 'in a savepoint');
    db.exec('RELEASE tool');
    see('released');
    await hostStorage.close();
    return seen;
  },

  async 'a tool ends the transaction in mid-crank'(play) {
    const seen = [];
    for (const end of ['COMMIT', 'ROLLBACK']) {
      const store = await makeStore(play, { exportCallback() {} });
      const { kvStore, startCrank, establishCrankSavepoint, rollbackCrank, endCrank } = store.kernelStorage;
      startCrank();
      establishCrankSavepoint('x');
      kvStore.set('d', 'in a crank');
      store.debug.getDatabase().exec(end);
      seen.push(end, readAll(store, keys), walk(store));
      kvStore.set('e', 'after');
      seen.push(await play.attempt(() => rollbackCrank('x')));
      establishCrankSavepoint('y');
      kvStore.set('e', 'undone');
      rollbackCrank('y');
      seen.push(readAll(store, keys), await play.attempt(() => endCrank()));
      await store.hostStorage.commit();
      seen.push(await seeEverything(store));
      await store.hostStorage.close();
    }
    return seen;
  },

  async 'a write in a transaction that a tool began fails when it is made'(play) {
    const store = await makeStore(play);
    const { kernelStorage, hostStorage, debug } = store;
    const { kvStore, transcriptStore } = kernelStorage;
    const db = debug.getDatabase();
    const seen = [];
    db.exec('BEGIN');
    seen.push(readAll(store, keys));
    const other = play.impl.openDatabase(fileIn(play.dir));
    other.prepare(SET).run('a', 'by another');
    seen.push(
      await play.attempt(() => kvStore.set('b', 'too late')),
      await play.attempt(() => kvStore.delete('c')),
      await play.attempt(() => transcriptStore.addItem('v1', 'too late')),
      readAll(store, keys),
      await play.attempt(() => hostStorage.commit()),
      readAll(store, keys),
    );
    kvStore.set('b', 'in time');
    await hostStorage.commit();
    seen.push(other.prepare('SELECT * FROM kvStore ORDER BY key').all());
    other.close();
    await hostStorage.close();
    return seen;
  },

  async 'while rows are read, all reads are of one state'(play) {
    const store = await makeStore(play);
    const db = store.debug.getDatabase();
    const other = play.impl.openDatabase(fileIn(play.dir));
    const seen = [];
    const rows = db.prepare('SELECT * FROM kvStore ORDER BY key').iterate();
    seen.push(rows.next(), readAll(store, keys));
    other.exec(`UPDATE kvStore SET value = 'new'; INSERT INTO kvStore VALUES ('bb', 'new')`);
    seen.push(readAll(store, keys), spans(store), rows.next());
    rows.return();
    seen.push(readAll(store, keys), walk(store), spans(store));
    const rest = db.prepare('SELECT * FROM kvStore ORDER BY key').iterate();
    rest.next();
    other.exec(`DELETE FROM kvStore WHERE key < 'c'`);
    seen.push(readAll(store, keys), [...rest], readAll(store, keys), walk(store));
    other.close();
    await store.hostStorage.close();
    return seen;
  },

  async "another process's commits are seen at once"(play) {
    const store = await makeStore(play);
    const watcher = play.api.openSwingStore(play.dir, { readonly: true });
    const { kvStore, transcriptStore } = store.kernelStorage;
    const seen = [];
    const see = () =>
      seen.push(
        [store, watcher].map(one => [readAll(one, keys), walk(one), spans(one), one.kernelStorage.getActivityhash()]),
      );
    see();
    const changes = [
      `UPDATE kvStore SET value = 'new' WHERE key = 'a'; INSERT INTO kvStore VALUES ('bb', '1'), ('activityhash', '00')`,
      `DELETE FROM kvStore WHERE key IN ('', 'b', 'd'); INSERT INTO kvStore VALUES ('e', ${quoted('é\u{1f600}')})`,
      `UPDATE transcriptSpans SET endPos = 2, hash = 'new'; INSERT INTO transcriptItems VALUES ('v1', 1, 'two', 0)`,
      `UPDATE snapshots SET hash = 'new'`,
      `BEGIN; DELETE FROM kvStore; ROLLBACK`,
      `PRAGMA wal_checkpoint(TRUNCATE)`,
      `DELETE FROM kvStore`,
    ];
    for (const sql of changes) {
      inAnotherProcess(play.dir, sql);
      see();
      // Our own commit in between, with something to write and without.
      kvStore.set('c', sql.slice(0, 6));
      see();
      await store.hostStorage.commit();
      see();
      transcriptStore.addItem('v1', 'ours');
      kvStore.set('c', 'undone');
      store.debug.getDatabase().exec('ROLLBACK');
      see();
    }
    await watcher.hostStorage.close();
    await store.hostStorage.close();
    return seen;
  },

  async "another process's commits are seen whatever the journal mode is"(play) {
    const store = await makeStore(play);
    const seen = [readAll(store, keys), readAll(store, keys)];
    for (const [i, mode] of ['delete', 'wal', 'truncate', 'wal', 'wal'].entries()) {
      seen.push(store.debug.getDatabase().pragma(`journal_mode=${mode}`), readAll(store, keys));
      for (const key of ['a', 'bb']) {
        inAnotherProcess(play.dir, `INSERT OR REPLACE INTO kvStore VALUES ('${key}', '${mode} ${i}')`);
        seen.push(readAll(store, keys));
      }
    }
    await store.hostStorage.close();
    return seen;
  },

  async 'several stores on one file'(play) {
    const one = await makeStore(play);
    const other = play.api.openSwingStore(play.dir);
    const seen = [];
    for (const [i, writer] of [one, other, other, one, one, other].entries()) {
      const reader = writer === one ? other : one;
      writer.kernelStorage.kvStore.set('b', `${i}`);
      writer.kernelStorage.kvStore[i % 2 ? 'delete' : 'set']('bb', `${i}`);
      writer.kernelStorage.transcriptStore.addItem('v1', `item ${i}`);
      seen.push(readAll(reader, keys), spans(reader), readAll(writer, keys));
      await writer.hostStorage.commit();
      seen.push(readAll(reader, keys), walk(reader), spans(reader), spans(writer));
    }
    await other.hostStorage.close();
    await one.hostStorage.close();
    return seen;
  },
});
