// Reads everything observable of a store as plain data.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { attempt, drain, drainAsync, drainBytes } from './outcome.mjs';

export const modes = ['operational', 'replay', 'archival', 'debug'];

const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');

/** Returns short values unchanged, and the length and hash of long ones. */
const brief = bytes => (bytes.length <= 120 ? bytes : { length: bytes.length, sha256: sha256(bytes) });

const tables = {
  kvStore: { columns: ['key', 'value'], order: 'key' },
  pendingExports: { columns: ['key', 'value'], order: 'key' },
  transcriptItems: {
    columns: ['vatID', 'position', 'item', 'incarnation'],
    order: 'vatID, position',
  },
  transcriptSpans: {
    columns: ['vatID', 'startPos', 'endPos', 'hash', 'isCurrent', 'incarnation'],
    order: 'vatID, startPos',
  },
  snapshots: {
    columns: ['vatID', 'snapPos', 'inUse', 'hash', 'uncompressedSize', 'compressedSize', 'compressedSnapshot'],
    order: 'vatID, snapPos',
  },
  bundles: { columns: ['bundleID', 'bundle'], order: 'bundleID' },
};

/**
 * Reads each row of each table as [type, bytes] by column. The types distinguish NULL from 0, and TEXT from BLOB; the bytes
 * are those of the file, which shows the encoding of lone surrogates.
 */
const readTable = (db, name) => {
  const { columns, order } = tables[name];
  const fields = columns.map(c => `typeof(${c}), CAST(${c} AS BLOB)`).join(', ');
  const rows = db.prepare(`SELECT ${fields} FROM ${name} ORDER BY ${order}`).raw(true).all();
  return rows.map(row => {
    const record = {};
    for (const [i, column] of columns.entries()) {
      const type = row[2 * i];
      const bytes = row[2 * i + 1];
      record[column] = bytes === null ? type : [type, brief(bytes)];
    }
    if (name === 'snapshots') {
      const blob = row[2 * columns.length - 1];
      if (blob !== null) {
        // The compressed size depends on the encoder, but the row's size must be that of its image.
        const stated = Number(Buffer.from(row[2 * 5 + 1]).toString());
        record.compressedSize = stated === blob.length ? 'true' : `${stated} for ${blob.length} bytes`;
        record.compressedSnapshot = ['blob of gzip', brief(unzip(blob))];
      } else if (row[2 * 5] !== 'null') {
        record.compressedSize = [row[2 * 5], 'some encoder'];
      }
    }
    return record;
  });
};

const unzip = blob => {
  try {
    return gunzipSync(blob);
  } catch {
    return Buffer.from(`not gzip: ${Buffer.from(blob).toString('latin1')}`);
  }
};

export const readTables = db => {
  const content = {};
  for (const name of Object.keys(tables)) {
    content[name] = readTable(db, name);
  }
  return content;
};

/** A dump without the parts that depend on the encoder. */
const tidyDump = dump => {
  const { kvEntries, transcripts, snapshots, bundles, ...rest } = dump;
  const unpacked = {};
  for (const [vatID, list] of Object.entries(snapshots)) {
    unpacked[vatID] = list.map(({ compressedSnapshot, ...others }) => ({
      compressedSnapshot: compressedSnapshot && brief(unzip(compressedSnapshot)),
      ...others,
    }));
  }
  return { kvEntries, transcripts, snapshots: unpacked, bundles, ...rest };
};

const hasPrunedBundle = ({ debug }) =>
  debug.getDatabase().prepare('SELECT count(*) FROM bundles WHERE bundle IS NULL').pluck(true).get() > 0;

// Under a lockdown, the reference's dump hardens each image byte by byte, which takes seconds per megabyte, so sequences
// with large images omit dumps. If a bundle is pruned, the reference throws and ours does not.
export const dump = async ({ store, tidy, config }, includeHistorical) => {
  if (config.noDumps) return 'no dumps';
  const outcome = await attempt(() => tidyDump(store.debug.dump(includeHistorical)), tidy);
  return hasPrunedBundle(store) ? 'a bundle is pruned' : outcome;
};

/** A partial view that is cheap enough for every step. */
export const glance = async ({ store, tidy }) => {
  const db = store.debug.getDatabase();
  return {
    inTransaction: db.inTransaction,
    tables: await attempt(() => readTables(db), tidy),
  };
};

/** The whole view of an open store, except for its tables. */
export const lookAtParts = async world => {
  const { store, tidy } = world;
  const { internal, kernelStorage } = store;
  const seen = {
    activityhash: await attempt(() => kernelStorage.getActivityhash(), tidy),
    dump: await dump(world, true),
    dumpCurrent: await dump(world, false),
    records: {},
    names: {},
    complete: {},
  };
  const { snapStore, transcriptStore, bundleStore } = internal;
  const stores = { snapStore, transcriptStore, bundleStore };
  for (const [name, subStore] of Object.entries(stores)) {
    for (const historical of name === 'bundleStore' ? [undefined] : [true, false]) {
      seen.records[`${name} ${historical}`] = await attempt(
        () => drain(subStore.getExportRecords(historical), tidy),
        tidy,
      );
    }
    for (const mode of modes) {
      seen.names[`${name} ${mode}`] = await attempt(() => drainAsync(subStore.getArtifactNames(mode), tidy), tidy);
      seen.complete[`${name} ${mode}`] = await attempt(() => subStore.assertComplete(mode), tidy);
    }
  }
  seen.bundleIDs = drain(bundleStore.getBundleIDs(), tidy);
  seen.snapshots = drain(snapStore.listAllSnapshots(), tidy);
  for (const row of seen.snapshots.items) {
    row.compressedSize = typeof row.compressedSize;
  }
  return seen;
};

/** The whole view of an open store. */
export const look = async world => {
  const seen = await lookAtParts(world);
  // The tables last: reading them with SQL makes a store write its buffer, and the views above must be right without that.
  const db = world.store.debug.getDatabase();
  seen.inTransaction = db.inTransaction;
  seen.tables = readTables(db);
  return seen;
};

const strangeNames = [
  '',
  'nothing',
  'kv.a',
  'bundle',
  'bundle.b0-00',
  'bundle.a.b',
  'snapshot',
  'snapshot.v1.999',
  'snapshot.v1.x',
  'snapshot.v1',
  'snapshot.v1.1.2',
  'transcript.v1.0',
  'transcript.v1.999.1000',
  'transcript.v1.x.y',
  'transcript.none.0.1',
  undefined,
  7,
];

/** Everything that an exporter returns, and its errors for what it lacks. */
export const readExporter = async (exporter, tidy, refusals = true) => {
  const seen = {
    data: await attempt(() => drainAsync(exporter.getExportData(), tidy), tidy),
    hostKV: [],
    names: undefined,
    artifacts: {},
    strange: [],
  };
  for (const key of ['host.a', 'host.height', 'host.none', 'a', 'local.a', 3]) {
    seen.hostKV.push(await attempt(() => exporter.getHostKV(key), tidy));
  }
  const names = await attempt(() => exporter.getArtifactNames(), tidy);
  seen.names = names;
  const get = name =>
    attempt(async () => {
      const iterator = exporter.getArtifact(name);
      const { bytes, ...rest } = await drainBytes(iterator, tidy);
      return { ...rest, bytes: brief(bytes) };
    }, tidy);
  if (names.returns) {
    seen.names = await drainAsync(names.returns, tidy);
    for (const name of seen.names.items) {
      seen.artifacts[name] = await get(name);
    }
  }
  for (const name of refusals ? strangeNames : []) {
    seen.strange.push(await get(name));
  }
  return seen;
};

/** Reads an exporter over the committed state, in one mode. */
export const exportInMode = async ({ impl, dir, tidy }, artifactMode) => {
  const made = await attempt(() => impl.api.makeSwingStoreExporter(dir, { artifactMode }), tidy);
  if (!made.returns) return made;
  // Refused in every mode.
  const refusals = artifactMode === 'debug';
  const seen = await readExporter(made.returns, tidy, refusals);
  seen.closed = await attempt(() => made.returns.close(), tidy);
  return seen;
};
