// Makes the sub-stores separately over a database handle, as tools do, with callbacks that record each call. They replace a
// world's store, so that the steps of the other sequences run on them.
import { Buffer } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { makeWorld } from '../common/world.mjs';

/**
 * @param {{ name: string, api: any, openDatabase: (file: string) => any }} impl
 * @param {object} config
 * @param {boolean} config.transactions whether ensureTxn begins a transaction, or does nothing
 * @param {boolean} config.writing whether noteExport writes to the database, too
 * @param {boolean} [config.keepTranscripts]
 * @param {boolean} [config.keepSnapshots]
 * @param {boolean} config.archive
 */
export const makeStandaloneWorld = (impl, config) => {
  const { api, openDatabase } = impl;
  const { transactions, writing, keepTranscripts, keepSnapshots, archive } = config;
  const world = makeWorld(impl, null, config);
  const { takeEvents } = world;
  // Of a span, ours calls the archiver before it notes the record, so that a call that throws has changed nothing; the
  // reference calls it after that. Everything else comes in the same order.
  world.takeEvents = () => {
    const events = takeEvents();
    if (impl.name !== 'ours') {
      for (let i = 1; i < events.length; i += 1) {
        const [noted, archived] = events.slice(i - 1, i + 1);
        const isSpan = archived[0] === 'archive' && noted[0] === 'noteExport' && archived[1].startsWith(`${noted[1]}.`);
        if (isSpan) events.splice(i - 1, 2, archived, noted);
      }
    }
    return events;
  };
  const db = openDatabase(':memory:');
  const note = (...event) => world.events.push(event);

  db.exec('CREATE TABLE pendingExports (key TEXT PRIMARY KEY, value TEXT)');
  const ensureTxn = (...args) => {
    // Repeated calls of ensureTxn count as one.
    const last = world.events.findLast(([kind]) => kind !== 'archive');
    if (last?.[0] !== 'ensureTxn') note('ensureTxn', ...args);
    if (transactions && !db.inTransaction) {
      db.prepare('BEGIN IMMEDIATE TRANSACTION').run();
    }
    return db;
  };
  const noteExport = (...args) => {
    note('noteExport', ...args);
    if (writing) {
      db.prepare(
        'INSERT INTO pendingExports (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
      ).run(args[0], args[1]);
    }
  };
  const trace = (...args) => note('trace', ...args);
  const archiver = read => async (name, data) => {
    note('archive', name, read(data));
  };
  const archivers = archive
    ? {
        archiveTranscript: archiver(items => Buffer.concat([...items])),
        archiveSnapshot: archiver(data => gunzipSync(data)),
      }
    : {};
  const io = api.makeSnapStoreIO();
  const measureSeconds = async work => {
    note('measureSeconds');
    const { result, duration } = await io.measureSeconds(work);
    note('measured', typeof duration);
    return { result, duration: 42 };
  };

  const kvStore = api.makeKVStore(db, ensureTxn, trace);
  const transcriptStore = api.makeTranscriptStore(db, ensureTxn, noteExport, {
    ...(keepTranscripts === undefined ? {} : { keepTranscripts }),
    ...archivers,
  });
  const snapStore = api.makeSnapStore(db, ensureTxn, { measureSeconds }, noteExport, {
    ...(keepSnapshots === undefined ? {} : { keepSnapshots }),
    ...archivers,
  });
  const bundleStore = api.makeBundleStore(db, ensureTxn, noteExport);
  const stores = { kvStore, transcriptStore, snapStore, bundleStore };
  world.store = {
    kernelStorage: stores,
    internal: stores,
    hostStorage: {
      kvStore,
      async commit() {
        if (db.inTransaction) db.prepare('COMMIT').run();
      },
      async close() {
        db.close();
      },
    },
    debug: { getDatabase: () => db },
  };
  return world;
};
