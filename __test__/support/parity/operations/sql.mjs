// Performs steps of tools that use SQL: over the store's connection, and over another one. Also reads through a second,
// read-only store.
import path from 'node:path';
import { attempt, drain } from '../../common/outcome.mjs';
import { expand } from '../repeated-text.mjs';

const databaseOf = ({ store }) => store.debug.getDatabase();

const SET = `INSERT INTO kvStore (key, value) VALUES (?, ?)
             ON CONFLICT DO UPDATE SET value = excluded.value`;

const changes = ({ changes: count }) => count;

/** Runs a function with a new connection, which does not wait for locks. */
const elsewhere = ({ impl, dir }, act) => {
  if (dir === null) return 'in memory';
  const db = impl.openDatabase(path.join(dir, 'swingstore.sqlite'), { timeout: 0 });
  try {
    return act(db);
  } finally {
    db.close();
  }
};

const watcher = world => {
  const { slots, impl, dir } = world;
  if (!slots.has('watcher')) {
    const store = impl.api.openSwingStore(dir, { readonly: true });
    slots.set('watcher', { store, close: () => store.hostStorage.close() });
  }
  return slots.get('watcher').store;
};

const get = (db, key) => db.prepare('SELECT value FROM kvStore WHERE key = ?').pluck(true).get(expand(key));

const set = (db, key, value) => changes(db.prepare(SET).run(expand(key), expand(value)));

const remove = (db, key) => changes(db.prepare('DELETE FROM kvStore WHERE key = ?').run(expand(key)));

export const sqlOperations = {
  sqlExec(world, sql) {
    databaseOf(world).exec(sql);
    return databaseOf(world).inTransaction;
  },
  sqlRun(world, sql) {
    databaseOf(world).prepare(sql).run();
    return databaseOf(world).inTransaction;
  },
  sqlGet: (world, key) => get(databaseOf(world), key),
  sqlSet: (world, key, value) => set(databaseOf(world), key, value),
  sqlDelete: (world, key) => remove(databaseOf(world), key),
  sqlPending(world) {
    return databaseOf(world).prepare('SELECT * FROM pendingExports ORDER BY key').all();
  },
  /** Changes keys through the store, in a tool's savepoint, and possibly rolls back. */
  sqlSavepoint(world, entries, back) {
    const db = databaseOf(world);
    const { kvStore } = world.store.internal;
    const see = () => entries.map(([key]) => [kvStore.get(expand(key)), kvStore.getNextKey(expand(key))]);
    db.exec('SAVEPOINT tool');
    for (const [key, value] of entries) {
      if (value === null) kvStore.delete(expand(key));
      else kvStore.set(expand(key), expand(value));
    }
    const seen = [see(), db.inTransaction];
    if (back) db.exec('ROLLBACK TO tool');
    seen.push(see());
    db.exec('RELEASE tool');
    return [...seen, see(), db.inTransaction];
  },
  otherGet: (world, key) => elsewhere(world, db => get(db, key)),
  otherSet: (world, key, value) => elsewhere(world, db => set(db, key, value)),
  otherDelete: (world, key) => elsewhere(world, db => remove(db, key)),
  /** Reads through another store, which stays open and can't write. */
  async watch(world, key) {
    if (world.dir === null) return 'in memory';
    const { kvStore, transcriptStore, snapStore } = watcher(world).kernelStorage;
    const text = expand(key);
    const seen = [kvStore.get(text), kvStore.has(text), kvStore.getNextKey(text), kvStore.get('kernelStats')];
    for (const vatID of ['v1', 'v2']) {
      seen.push(await attempt(() => transcriptStore.getCurrentSpanBounds(vatID)));
      seen.push(await attempt(() => drain(transcriptStore.readSpan(vatID))));
      const info = snapStore.getSnapshotInfo(vatID);
      seen.push(info && { ...info, compressedSize: undefined });
    }
    return seen;
  },
};
