// Reads a store with our package: before the store is opened for writing, after that, and the tables of an expanded
// copy.
//
//   node look.mjs STORE OUTPUT

import '@endo/init';

import { createHash } from 'node:crypto';
import { cpSync, writeFileSync } from 'node:fs';

import { expandSwingStore, openSwingStore, openSwingStoreHistory, verifySwingStore } from '@agoric/swing-store';

const [, , store, output] = process.argv;

/** The columns that identify the rows of each table. */
const tables = {
  kvStore: 'key',
  pendingExports: 'key',
  transcriptItems: 'vatID, position',
  transcriptSpans: 'vatID, startPos',
  snapshots: 'vatID, snapPos',
  bundles: 'bundleID',
};

/** A result, or the message of an error. */
const attempt = async work => {
  try {
    return await work();
  } catch (error) {
    return { refused: error.message };
  }
};

const digest = async items => {
  const hash = createHash('sha256');
  let count = 0;
  for await (const item of items) {
    hash.update(JSON.stringify(item));
    count += 1;
  }
  return { items: count, hash: hash.digest('hex') };
};

const readVat = async (history, vatID) => {
  const spans = await history.listSpans(vatID);
  const items = [];
  for (const { startPos } of spans) items.push(await attempt(() => digest(history.readSpan(vatID, startPos))));
  return {
    spans,
    items,
    all: await attempt(() => digest(history.readItems(vatID))),
    pseudoDeliveries: await attempt(() => history.listPseudoDeliveries(vatID)),
    plan: await attempt(() => history.replayPlan(vatID)),
  };
};

const readHistory = async () => {
  const history = openSwingStoreHistory(store);
  const vats = await history.listVats();
  const result = { vats, byVat: {} };
  for (const { vatID } of vats) result.byVat[vatID] = await attempt(() => readVat(history, vatID));
  await history.close();
  return result;
};

const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');

/** The number of rows of each table, and their hash. */
const readTables = db => {
  const contents = {};
  for (const [name, order] of Object.entries(tables)) {
    const rows = db.prepare(`SELECT * FROM ${name} ORDER BY ${order}`).all();
    const values = rows.map(row =>
      Object.entries(row).map(([column, value]) => [column, value instanceof Uint8Array ? sha256(value) : value]),
    );
    contents[name] = { rows: rows.length, hash: sha256(JSON.stringify(values)) };
  }
  return contents;
};

const readFrames = db => {
  const columns = 'vatID, startPos, endPos, spanStart';
  const exists = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'compressedItems'`).all().length > 0;
  return exists ? db.prepare(`SELECT ${columns} FROM compressedItems ORDER BY vatID, startPos`).all() : [];
};

const withDatabase = async (dir, read) => {
  const { hostStorage, debug } = openSwingStore(dir);
  const result = read(debug.getDatabase());
  await hostStorage.close();
  return result;
};

const verify = () => verifySwingStore(store, { artifactMode: 'archival' });

const readExpanded = async () => {
  const copy = `${store}-expanded`;
  cpSync(store, copy, { recursive: true });
  await expandSwingStore(copy);
  return withDatabase(copy, db => ({ tables: readTables(db), frames: readFrames(db) }));
};

const before = await verify();
const history = await readHistory();
const frames = await withDatabase(store, readFrames);
const after = await verify();
const expanded = await readExpanded();
writeFileSync(output, JSON.stringify({ before, history, frames, after, expanded }));
