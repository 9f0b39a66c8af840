/**
 * A program as a host would write it, in strict mode: what it does has to compile without a cast. Never run.
 */
import { mkdirSync, createWriteStream, renameSync, createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  archiveSwingStore,
  Database,
  diffSwingStores,
  exportSwingStoreToDirectory,
  importSwingStore,
  importSwingStoreFromDirectory,
  initSwingStore,
  isSwingStore,
  makeArchiveSnapshot,
  makeArchiveTranscript,
  makeBundleStore,
  makeKVStore,
  makeSnapStore,
  makeSnapStoreIO,
  makeSwingStoreExporter,
  makeTranscriptStore,
  openSwingStore,
  repairSwingStoreFromDirectory,
  openSwingStoreHistory,
  verifySwingStore,
  pruneSwingStore,
  reclaimSwingStoreSpace,
  repopulateSwingStore,
  repopulateSwingStoreFromDirectory,
} from 'swing-store-native';
import type {
  ArchivePowers,
  ArtifactMode,
  Bundle,
  KVPair,
  SwingStore,
  SwingStoreError,
  SwingStoreExporter,
  SwingStoreHostStorage,
  SwingStoreKernelStorage,
  SwingStoreOptions,
} from 'swing-store-native';

// --- A host around a kernel ------------------------------------------------------------------------------------------

export async function launch(stateDir: string, powers: ArchivePowers): Promise<SwingStoreHostStorage> {
  const pending: Array<[string, string | null]> = [];
  const options: SwingStoreOptions = {
    keepSnapshots: false,
    keepTranscripts: true,
    traceFile: undefined,
    archiveSnapshot: makeArchiveSnapshot(path.join(stateDir, 'snapshots'), powers),
    archiveTranscript: makeArchiveTranscript(path.join(stateDir, 'transcripts'), powers),
    exportCallback: changes => {
      for (const [key, value] of changes) pending.push([key, value]);
    },
    wrapKvStore: kvStore => ({ ...kvStore, get: key => kvStore.get(key.toLowerCase()) }),
  };
  const { kernelStorage, hostStorage, debug } = isSwingStore(stateDir)
    ? openSwingStore(stateDir, options)
    : initSwingStore(stateDir, options);
  await runBlock(kernelStorage);
  hostStorage.kvStore.set('host.height', '1');
  await hostStorage.commit();
  const used: number | undefined = hostStorage.diskUsage?.();
  const heights = debug.getDatabase().prepare('SELECT value FROM kvStore WHERE key = ?').pluck().all('host.height');
  console.log(used, heights.length, debug.dump(false).bundles['b0-00']?.length, pending.length);
  return hostStorage;
}

// Methods are closures: taken out of their objects they need no `this`.
async function runBlock({ kvStore, transcriptStore, snapStore, bundleStore, ...crank }: SwingStoreKernelStorage) {
  const { startCrank, establishCrankSavepoint, rollbackCrank, emitCrankHashes, endCrank } = crank;
  startCrank();
  establishCrankSavepoint('deliver');
  kvStore.set('vat.v1', 'x');
  const previous: string | undefined = kvStore.get('vat.v1');
  if (previous === undefined) rollbackCrank('deliver');
  const { addItem, initTranscript, readSpan, rolloverIncarnation, getCurrentSpanBounds } = transcriptStore;
  initTranscript('v1');
  addItem('v1', 'item');
  for (const item of readSpan('v1')) item.toUpperCase();
  const incarnation: number = await rolloverIncarnation('v1');
  const { startPos, endPos, hash } = getCurrentSpanBounds('v1');
  const saved = await snapStore.saveSnapshot('v1', endPos, createReadStream('image'));
  for await (const chunk of snapStore.loadSnapshot('v1')) chunk.byteLength.toFixed();
  const bundle: Bundle = { moduleFormat: 'nestedEvaluate', source: '' };
  bundleStore.addBundle('b0-00', bundle);
  const { crankhash, activityhash } = emitCrankHashes();
  endCrank();
  return { incarnation, startPos, hash, seconds: saved.archiveWriteSeconds ?? 0, crankhash, activityhash };
}

// --- Export to a directory and back ----------------------------------------------------------------------------------

export async function exportTo(stateDir: string, exportDir: string, artifactMode: ArtifactMode) {
  const exporter = makeSwingStoreExporter(stateDir, { artifactMode, checkComplete: true });
  const height = Number(exporter.getHostKV('host.height'));
  const data: KVPair[] = [];
  for await (const [key, value] of exporter.getExportData()) data.push([key, value]);
  for await (const name of exporter.getArtifactNames()) {
    await writeFile(path.join(exportDir, name), exporter.getArtifact(name));
  }
  await exporter.close();
  return { height, data };
}

export async function importFrom(stateDir: string, exportDir: string, data: KVPair[], names: string[]) {
  // An exporter of one's own: generators, arrays and streams all do.
  const exporter: SwingStoreExporter = {
    getHostKV: () => undefined,
    getExportData: () => data,
    async *getArtifactNames() {
      yield* names;
    },
    getArtifact: name => createReadStream(path.join(exportDir, name)),
    close: async () => {},
  };
  try {
    const { hostStorage } = await importSwingStore(exporter, stateDir, { artifactMode: 'replay', keepSnapshots: true });
    await hostStorage.commit();
    await hostStorage.close();
  } catch (error) {
    const { code, message } = error as SwingStoreError;
    console.error(code ?? 'no code', message);
  }
}

// --- A tool over the database ----------------------------------------------------------------------------------------

type Row = { key: string; value: string };

export function inspect(file: string, bytes: Buffer) {
  const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 1000 });
  const same: Database = Database(bytes).exec('SELECT 1');
  const mode: unknown = db.pragma('journal_mode', { simple: true });
  const byKey = db.prepare<[key: string], Row>('SELECT key, value FROM kvStore WHERE key = ?');
  const row: Row | undefined = byKey.get('a');
  const named = db.prepare<{ key: string }>('DELETE FROM kvStore WHERE key = $key');
  const { changes }: { changes: number } = named.run({ key: 'a' });
  for (const next of byKey.iterate('a')) next.value.trim();
  const names: string[] = byKey
    .raw(false)
    .columns()
    .map(column => column.name);
  const add = db.transaction((a: number, b: number) => a + b);
  const sum: number = add(1, 2) + add.immediate(3, 4);
  if (db.open && !db.inTransaction) db.close();
  return { mode, row, changes, names, sum, copy: same.serialize(), memory: db.memory, name: db.name };
}

export function subStores(db: Database) {
  const ensureTxn = () => {
    if (!db.inTransaction) db.exec('BEGIN IMMEDIATE TRANSACTION');
  };
  const noteExport = (key: string, value: string | undefined) => console.log(key, value);
  return {
    kvStore: makeKVStore(db, ensureTxn, (...what) => console.log(what.join(' '))),
    transcriptStore: makeTranscriptStore(db, ensureTxn, noteExport, { keepTranscripts: false }),
    snapStore: makeSnapStore(db, ensureTxn, makeSnapStoreIO(), noteExport, { keepSnapshots: true }),
    bundleStore: makeBundleStore(db, ensureTxn),
  };
}

// The real modules are the powers that archiving asks for.
export const powers: Omit<ArchivePowers, 'tmp'> = { fs: { mkdirSync, createWriteStream, renameSync }, path };
export const memoryStore = (serialized: Buffer): SwingStore => initSwingStore(null, { serialized });

/** A compressed export that shares files with the previous one. */
export const backUp = async (from: string, previous: string, to: string): Promise<number> => {
  const { bytes, reused } = await exportSwingStoreToDirectory(from, to, {
    compress: true,
    reuse: previous,
    verifyReused: true,
  });
  return bytes - (reused?.bytes ?? 0);
};

/** An export as a directory, and back. */
export const passOn = async (from: string, by: string, to: string, signal: AbortSignal): Promise<number> => {
  const { artifacts } = await exportSwingStoreToDirectory(from, by, {
    artifactMode: 'none',
    exportDataMode: 'skip',
    signal,
    onProgress: ({ stage, done, total }) => console.log(stage === 'done', done / total),
  });
  const { hostStorage, blockHeight } = await importSwingStoreFromDirectory(by, to, { artifactMode: 'replay', signal });
  hostStorage.kvStore.set('host.height', `${blockHeight}`);
  await hostStorage.commit();
  return artifacts;
};

/** History that is kept elsewhere. */
export const keepElsewhere = async (
  store: string,
  archive: string,
  by: string,
  signal: AbortSignal,
): Promise<number> => {
  const { added } = await repairSwingStoreFromDirectory(by, store, { blockHeight: 7, signal });
  const { written, existing } = await archiveSwingStore(store, archive, {
    artifactMode: 'archival',
    currentSpans: true,
    checkExisting: true,
    onProgress: ({ stage }) => console.log(stage),
  });
  return added + written + existing;
};

/** What an incarnation began with, and how to replay it. */
export const lookBack = async (dirPath: string, vatID: string, signal: AbortSignal): Promise<string[]> => {
  const history = openSwingStoreHistory(dirPath);
  const vats = await history.listVats({
    sizes: true,
    signal,
    onProgress: ({ done, total }) => console.log(done / total),
  });
  const bytes: number = vats.reduce((sum, vat) => sum + (vat.bytes ?? 0), 0);
  const { start, missing, complete } = await history.replayPlan(vatID, { incarnation: 0, from: 'start' });
  const [began] = await history.listIncarnations(vatID);
  const options = began?.began?.kind === 'initialize-worker' ? began.began.workerOptions : undefined;
  for (const entry of await history.listPseudoDeliveries(vatID)) {
    if (entry.kind === 'save-snapshot') console.log(entry.position, entry.snapshotID);
  }
  for await (const { position, item } of history.readIncarnation(vatID, 0, { skipMissing: !complete })) {
    console.log(position, item.length, bytes);
  }
  await history.close();
  const from = start.kind === 'initialize-worker' ? start.bundleID : undefined;
  return [`${from}`, JSON.stringify(options), ...missing.map(({ artifact }) => artifact)];
};

/** Whether two stores are whole and the same. */
export const lookThrough = async (a: string, b: string, signal: AbortSignal): Promise<boolean> => {
  const { ok, findings, leftOut } = await verifySwingStore(a, { artifactMode: 'replay', findingsPerKind: 10, signal });
  for (const { severity, kind, artifact = 'no artifact', position } of findings) {
    console.log(severity, kind === 'span-hash', artifact.length, position, leftOut[kind]);
  }
  const { same, records, differences } = await diffSwingStores(a, b, { contents: true, localKeys: true, signal });
  for (const { subject, in: where, name, a: before, b: after } of differences)
    console.log(subject, where, name, before, after);
  return ok && same && records !== undefined && records.onlyA === 0;
};

/** Less history, a smaller file, and all of it again. */
export const roundTrip = async (
  dir: string,
  archive: string,
  exporter: SwingStoreExporter,
): Promise<readonly string[]> => {
  const { items, done, locking } = await pruneSwingStore(dir, {
    keep: { transcripts: 'replay', snapshots: 'debug' },
    budget: 500,
  });
  const { before, after } = await reclaimSwingStoreSpace(dir, { method: 'rewrite' });
  console.log(items, done, locking.longest, before.fileBytes - after.fileBytes);
  const { filled } = await repopulateSwingStore(exporter, dir, { artifactMode: 'debug' });
  const { missing, refused } = await repopulateSwingStoreFromDirectory(archive, dir, {
    maxTransactionBytes: 1e7,
    onProgress: ({ stage, done: finished, total }) => console.log(stage, finished, total),
  });
  for (const { name, code, reason } of refused) console.log(name, code, reason);
  return [...filled, ...missing];
};
