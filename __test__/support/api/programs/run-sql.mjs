// Changes a store's file with the reference's SQLite, in a separate process: `run-sql.mjs FILE SQL`.
import process from 'node:process';
import sqlite3 from 'better-sqlite3';

const [file, sql] = process.argv.slice(2);
const db = sqlite3(file);
db.exec(sql);
db.close();
