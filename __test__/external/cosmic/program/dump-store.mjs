// Prints the contents of a store's file without a swing-store: the rows of each
// table, with uncompressed images, since compression differs.
//
//   node dump-store.mjs DIR

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import Database from 'better-sqlite3';

const db = Database(join(process.argv[2], 'swingstore.sqlite'));

const digest = bytes => createHash('sha256').update(bytes).digest('hex');

const show = (name, value) => {
  if (name === 'compressedSize') return null;
  if (name === 'compressedSnapshot') return value && digest(gunzipSync(value));
  if (Buffer.isBuffer(value)) return `bytes ${digest(value)}`;
  return typeof value === 'string' && value.length > 200 ? digest(value) : value;
};

const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`).pluck().all();
const dump = {};
for (const table of tables) {
  dump[table] = db
    .prepare(`SELECT * FROM ${table}`)
    .all()
    .map(row => JSON.stringify(Object.entries(row).map(([name, value]) => [name, show(name, value)])))
    .sort();
}
process.stdout.write(JSON.stringify(dump));
