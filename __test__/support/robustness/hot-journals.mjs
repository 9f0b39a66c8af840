// Makes stores with a hot journal: a tool that used a rollback journal was killed in a transaction.
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import sqlite3 from 'better-sqlite3';

/** The value of `host.height` in the uncommitted transaction. */
export const NEVER = '666';

const heightIn = db => db.prepare("SELECT value FROM kvStore WHERE key = 'host.height'").pluck().get();

/** Reads the file without its journal or log. */
const heightInFile = file => {
  const bytes = fs.readFileSync(file);
  return heightIn(sqlite3(bytes));
};

/**
 * Copies a closed store to `file`, with the journal of an uncommitted transaction that has changed the file and deleted a
 * span.
 *
 * @param {string} store the store's file
 * @param {string} file
 */
export const leaveUnfinished = (store, file) => {
  const living = `${file}-living`;
  fs.copyFileSync(store, living);
  const db = sqlite3(living);
  try {
    db.pragma('journal_mode = DELETE');
    db.pragma('cache_size = 1');
    db.exec(`BEGIN;
      UPDATE kvStore SET value = '${NEVER}' WHERE key = 'host.height';
      DELETE FROM transcriptItems;
      INSERT INTO bundles VALUES ('large', zeroblob(300000));`);
    for (const suffix of ['', '-journal']) fs.copyFileSync(`${living}${suffix}`, `${file}${suffix}`);
    db.exec('ROLLBACK');
  } finally {
    db.close();
    fs.rmSync(living);
  }
  if (heightInFile(file) !== NEVER) throw Error('nothing of the transaction is in the file');
};

/** Appends the name of a super-journal, as SQLite does for a transaction over several files. */
export const nameSuperJournal = (journal, name) => {
  const bytes = Buffer.from(name);
  const number = value => {
    const field = Buffer.alloc(4);
    field.writeUInt32BE(value);
    return field;
  };
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  const magic = Buffer.from('d9d505f920a163d7', 'hex');
  const contents = fs.readFileSync(journal);
  const pageSize = contents.readUInt32BE(24);
  const lockingPage = number(0x40000000 / pageSize + 1);
  fs.appendFileSync(journal, Buffer.concat([lockingPage, bytes, number(bytes.length), number(sum), magic]));
};
