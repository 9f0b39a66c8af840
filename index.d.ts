/**
 * Types of swing-store-native.
 *
 * Three parties meet at a swing-store: the *host* (the program around the kernel, which decides when a block is
 * committed), the *kernel* (which reads and writes state while it runs cranks) and *tools* (which export, import and
 * inspect). The types below are grouped the same way.
 *
 * Every method is a closure: it may be taken out of its object and called without `this`.
 *
 * Unless a comment says otherwise, methods throw (or reject with) an `Error` whose message is that of
 * `@agoric/swing-store`, and which may carry a `code`; see {@link SwingStoreError}.
 *
 * Functions that `@agoric/swing-store` has let unknown options pass, as there. Functions of this package alone throw (or
 * reject) before they do anything if an option is unknown or of the wrong type, with `code` `ERR_SWING_STORE_ARGUMENT`; the
 * message names the option that was probably meant.
 */

/// <reference types="node" />

// ---------------------------------------------------------------------------------------------------------------------
// Words used throughout
// ---------------------------------------------------------------------------------------------------------------------

/** A sequence that `for await` can walk, whether its steps are promises or not. */
export type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

/** A function that takes a thing and returns another of the same shape: a wrapper. */
export type Replacer<T> = (input: T) => T;

/**
 * How much history is meant. Each mode holds everything that the one before it holds.
 *
 * - `operational`: what the kernel needs to run on: the current span and the snapshot in use of each vat, all bundles.
 * - `replay`: also each span of every vat's current incarnation.
 * - `archival`: also each span of its earlier incarnations.
 * - `debug`: whatever is there, remains of terminated vats included. Nothing is checked for completeness on export.
 */
export type ArtifactMode = 'operational' | 'replay' | 'archival' | 'debug';

/**
 * The mode of a completeness check, which is any {@link ArtifactMode} but `debug`. The compiler takes any string here,
 * since the type is kept interchangeable with that of `@agoric/swing-store`; a wrong one is refused when it is used.
 */
export type CheckMode = Omit<ArtifactMode, 'debug'>;

/**
 * One entry of the export data: a key and its value. A value of `null` or `undefined` (or none at all) says that the
 * key was deleted.
 */
export type KVPair = readonly [key: string, value?: string | null | undefined];

/** An error of this package. Errors that come from SQLite carry the name of its result code. */
export interface SwingStoreError extends Error {
  /** A short, stable name of what went wrong, such as `SQLITE_BUSY`. Not every error has one. */
  code?: string;
}

// ---------------------------------------------------------------------------------------------------------------------
// The key-value store
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Strings by string. Keys are ordered by their UTF-8 bytes. Keys that begin with `host.` belong to the host, those that
 * begin with `local.` to this machine's kernel, all others are part of consensus.
 */
export interface KVStore {
  /**
   * Is there a value for this key?
   *
   * @throws if `key` is not a string.
   */
  has: (key: string) => boolean;

  /**
   * The value for this key, or `undefined` when there is none.
   *
   * @throws if `key` is not a string.
   */
  get: (key: string) => string | undefined;

  /**
   * The first key that comes after `previousKey`, or `undefined` past the last. `previousKey` itself need not exist.
   *
   * @throws if `previousKey` is not a string.
   */
  getNextKey: (previousKey: string) => string | undefined;

  /**
   * Stores a value for a key, in place of any earlier one. The kernel's store refuses `host.` keys, the host's store
   * refuses all others.
   *
   * @param bypassHash  is ignored; it is kept for callers that pass it.
   * @throws if either argument is not a string, or the key is not for this caller.
   */
  set: (key: string, value: string, bypassHash?: boolean) => void;

  /**
   * Forgets a key. It is no error if there is nothing to forget.
   *
   * @throws if `key` is not a string, or not for this caller.
   */
  delete: (key: string) => void;
}

/** Who a key belongs to; see {@link getKeyType}. */
export type KVStoreKeyType = 'consensus' | 'local' | 'host';

// ---------------------------------------------------------------------------------------------------------------------
// Transcripts
// ---------------------------------------------------------------------------------------------------------------------

/** Where a transcript span lies and what its items hash to. */
export interface SpanBounds {
  /** Position of the first item. */
  startPos: number;
  /** One more than the position of the last item; equal to `startPos` while the span is empty. */
  endPos: number;
  /** Cumulative SHA-256 over the items, in hex. */
  hash: string;
  /** How many times the vat had been upgraded when the span began. */
  incarnation: number;
}

/** How far a deletion in steps has come. */
export interface DeletionProgress {
  /** `true` once nothing is left to delete. */
  done: boolean;
  /** How many records this call deleted. */
  cleanups: number;
}

/** What the kernel may do with transcripts: a list of items for each vat, cut into spans. */
export interface TranscriptStore {
  /**
   * Starts the transcript of a new vat, with an empty span at position 0, incarnation 0.
   *
   * @throws if the vat has one already.
   */
  initTranscript: (vatID: string) => void;

  /**
   * Ends the current span and starts an empty one in the same incarnation. The store has changed by the time the call
   * returns; the promise also waits for the `archiveTranscript` callback.
   *
   * @returns a promise of the incarnation's number.
   */
  rolloverSpan: (vatID: string) => Promise<number>;

  /**
   * Ends the current span and starts an empty one in a new incarnation (the vat was upgraded). The store has changed by
   * the time the call returns; the promise also waits for the `archiveTranscript` callback.
   *
   * @returns a promise of the new incarnation's number.
   */
  rolloverIncarnation: (vatID: string) => Promise<number>;

  /**
   * The bounds of the current span.
   *
   * @throws if the vat has no current span.
   */
  getCurrentSpanBounds: (vatID: string) => SpanBounds;

  /**
   * Ends the current span and starts no other: the first step of deleting a vat. Does nothing if there is none.
   */
  stopUsingTranscript: (vatID: string) => Promise<void>;

  /**
   * Deletes the spans and items of a vat, newest first.
   *
   * @param budget  how many spans to delete at most; all of them if absent.
   * @throws if `budget` is less than 1.
   */
  deleteVatTranscripts: (vatID: string, budget?: number) => DeletionProgress;

  /**
   * Appends an item to the current span.
   *
   * @throws if `item` is not a string (before anything is written), or the vat has no current span.
   */
  addItem: (vatID: string, item: string) => void;

  /**
   * The items of one span, in order, as they were when this was called.
   *
   * @param startPos  where the span starts; the current span if absent.
   * @throws at the call if there is no such span; at the end of the walk if items are missing.
   */
  readSpan: (vatID: string, startPos?: number) => IterableIterator<string>;
}

/** What export, import and repair do with transcripts. */
export interface TranscriptStoreInternal {
  /**
   * The bytes of a span artifact, `transcript.{vatID}.{startPos}.{endPos}`: each item and a newline.
   *
   * @throws if the name has another form or there is no such span.
   */
  exportSpan: (name: string) => AsyncIterableIterator<Uint8Array>;

  /** Export-data records of the current spans, or of all spans if `includeHistorical`. */
  getExportRecords: (includeHistorical: boolean) => IterableIterator<readonly [key: string, value: string]>;

  /** The names of the span artifacts that a mode asks for. */
  getArtifactNames: (artifactMode: ArtifactMode) => AsyncIterableIterator<string>;

  /**
   * Adds the record of a span that has no items yet.
   *
   * @param key  `transcript.{vatID}.{startPos}` or `transcript.{vatID}.current`.
   * @param value  the record as JSON.
   * @throws if a field is missing, key and record disagree, or there is such a record already.
   */
  importTranscriptSpanRecord: (key: string, value: string) => void;

  /**
   * Fills a span from an artifact. Spans that `artifactMode` does not ask for are passed over.
   *
   * @throws (rejects) if there is no record for it, or its length or hash differs from the record's.
   */
  populateTranscriptSpan: (
    name: string,
    makeChunkIterator: () => AnyIterable<Uint8Array>,
    options: { artifactMode: ArtifactMode },
  ) => Promise<void>;

  /**
   * Checks that every span that the mode asks for has all its items.
   *
   * @throws if one has not.
   */
  assertComplete: (checkMode: CheckMode) => void;

  /**
   * Adds a span's record if it is missing.
   *
   * @throws if there is one that differs.
   */
  repairTranscriptSpanRecord: (key: string, value: string) => void;

  /** All items of a vat that are still there, of every incarnation, in order. */
  readFullVatTranscript: (vatID: string) => Iterable<{
    /** The item's position in the vat's transcript. */
    position: number;
    /** The item as it was added. */
    item: string;
  }>;
}

/** What `debug.dump` uses of transcripts. */
export interface TranscriptStoreDebug {
  /** Items by vat and position: of the current spans, or of all spans if `includeHistorical` (the default). */
  dumpTranscripts: (includeHistorical?: boolean) => { [vatID: string]: { [position: number]: string } };
}

/**
 * Is called with the contents of each span that ends.
 *
 * @param spanName  `transcript.{vatID}.{startPos}.{endPos}`.
 * @param entries  the items, each with a newline.
 */
export type TranscriptCallback = (spanName: string, entries: AnyIterable<Uint8Array>) => Promise<void>;

// ---------------------------------------------------------------------------------------------------------------------
// Snapshots
// ---------------------------------------------------------------------------------------------------------------------

/** What saving a snapshot came to. */
export interface SnapshotResult {
  /** SHA-256 of the uncompressed image, in hex. */
  hash: string;
  /** Bytes before compression. */
  uncompressedSize: number;
  /** Bytes as stored. */
  compressedSize: number;
  /** Seconds spent reading the stream, hashing and compressing. */
  compressSeconds: number;
  /** Seconds spent writing to the database. */
  dbSaveSeconds: number;
  /** Seconds spent in the `archiveSnapshot` callback; absent or `undefined` without one. */
  archiveWriteSeconds?: number;
}

/** What is known of the snapshot that a vat is using, apart from its bytes. */
export interface SnapshotInfo {
  /** Transcript position at which it was taken. */
  snapPos: number;
  /** SHA-256 of the uncompressed image, in hex. */
  hash: string;
  /** Bytes before compression. */
  uncompressedSize: number;
  /** Bytes as stored. */
  compressedSize: number;
}

/** What the kernel may do with heap snapshots: at most one of each vat is in use. */
export interface SnapStore {
  /**
   * The bytes of the snapshot in use. Its hash is checked as it is read.
   *
   * @throws at the first step if the vat has none, at the last if the hash is wrong.
   */
  loadSnapshot: (vatID: string) => AsyncIterableIterator<Uint8Array>;

  /**
   * Stores an image, which becomes the one in use. The earlier one becomes historical; its bytes are dropped unless the
   * store was opened with `keepSnapshots`.
   *
   * @param snapPos  transcript position at which it was taken.
   * @throws (rejects, with the store unchanged) if the stream throws or yields something that is not bytes.
   */
  saveSnapshot: (vatID: string, snapPos: number, snapshotStream: AsyncIterable<Uint8Array>) => Promise<SnapshotResult>;

  /** Deletes the records of all snapshots that are not in use, of all vats. Nothing is noted for export. */
  deleteAllUnusedSnapshots: () => void;

  /**
   * Deletes the snapshots of a vat, newest first.
   *
   * @param budget  how many to delete at most; all of them if absent.
   * @throws if `budget` is less than 1.
   */
  deleteVatSnapshots: (vatID: string, budget?: number) => DeletionProgress;

  /** Makes the snapshot in use historical, as `saveSnapshot` does, with no other in its place. */
  stopUsingLastSnapshot: (vatID: string) => void;

  /**
   * What is known of the snapshot in use. For a vat that has none the result is `undefined`; the declared type leaves
   * that out, as that of `@agoric/swing-store` does, so check before use.
   */
  getSnapshotInfo: (vatID: string) => SnapshotInfo;
}

/** What export, import and repair do with snapshots. */
export interface SnapStoreInternal {
  /**
   * The uncompressed bytes of a snapshot artifact, `snapshot.{vatID}.{snapPos}`.
   *
   * @throws at the call if the name has another form, or the store does not hold those bytes.
   */
  exportSnapshot: (name: string) => AsyncIterableIterator<Uint8Array>;

  /** Export-data records of the snapshots in use, or of all snapshots if `includeHistorical`. */
  getExportRecords: (includeHistorical: boolean) => IterableIterator<readonly [key: string, value: string]>;

  /** The names of the snapshot artifacts that a mode asks for and the store holds. */
  getArtifactNames: (artifactMode: ArtifactMode) => AsyncIterableIterator<string>;

  /**
   * Adds the record of a snapshot that has no bytes yet.
   *
   * @param key  `snapshot.{vatID}.{snapPos}`; `snapshot.{vatID}.current` is passed over.
   * @param value  the record as JSON.
   * @throws if a field is missing, or there is such a record already.
   */
  importSnapshotRecord: (key: string, value: string) => void;

  /**
   * Fills a snapshot from an artifact. A historical one is passed over unless the mode is `debug`.
   *
   * @throws (rejects) if there is no record for it, or its hash differs from the record's.
   */
  populateSnapshot: (
    name: string,
    makeChunkIterator: () => AnyIterable<Uint8Array>,
    options: { artifactMode: ArtifactMode },
  ) => Promise<void>;

  /**
   * Checks that every snapshot in use has its bytes.
   *
   * @throws if one has not.
   */
  assertComplete: (checkMode: CheckMode) => void;

  /**
   * Adds a snapshot's record if it is missing.
   *
   * @throws if there is one that differs.
   */
  repairSnapshotRecord: (key: string, value: string) => void;
}

/** One record of the snapshots table, without the bytes. */
export interface SnapshotRow {
  /** The vat it was taken of. */
  vatID: string;
  /** Transcript position at which it was taken. */
  snapPos: number;
  /** SHA-256 of the uncompressed image, in hex. */
  hash?: string;
  /** 1 for the one in use, else `null`. */
  inUse?: number | null;
  /** Bytes before compression; `null` for a record that was imported and not filled. */
  uncompressedSize: number;
  /** Bytes as stored; `null` for a record that was imported and not filled. */
  compressedSize: number;
}

/** One snapshot in a dump. */
export interface SnapshotDump {
  /** Transcript position at which it was taken. */
  snapPos: number;
  /** SHA-256 of the uncompressed image, in hex. */
  hash: string;
  /** The image in gzip; `null` where the bytes are not held. */
  compressedSnapshot: Buffer;
  /** 1 for the one in use, else 0. */
  inUse: null | 0 | 1;
}

/** What tests and tools do with snapshots. */
export interface SnapStoreDebug {
  /** Does the vat have a snapshot with this hash? */
  hasHash: (vatID: string, hash: string) => boolean;
  /** All records, by vat and position. */
  listAllSnapshots: () => Iterable<SnapshotRow>;
  /** Snapshots by vat: those in use, or all of them if `includeHistorical` (the default). */
  dumpSnapshots: (includeHistorical?: boolean) => Record<string, SnapshotDump[]>;
  /** Deletes the record with this hash. Nothing is noted for export. */
  deleteSnapshotByHash: (vatID: string, hash: string) => void;
}

/**
 * Is called with each snapshot that is saved.
 *
 * @param name  `snapshot.{vatID}.{snapPos}`.
 * @param compressedData  the image in gzip: bytes, or a sequence of them.
 */
export type SnapshotCallback = (name: string, compressedData: Uint8Array | AnyIterable<Uint8Array>) => Promise<void>;

/** Runs a function and tells how many seconds it took. */
export type MeasureSeconds = <T>(fn: () => Promise<T>) => Promise<{
  /** What the function's promise resolved to. */
  result: T;
  /** Seconds until it did. */
  duration: number;
}>;

/** The outside world as a snapshot store sees it: a clock. */
export interface SnapStoreIO {
  /** Times a step of `saveSnapshot`. */
  measureSeconds: MeasureSeconds;
}

// ---------------------------------------------------------------------------------------------------------------------
// Bundles
// ---------------------------------------------------------------------------------------------------------------------

/** A script whose completion value is a function that returns the module's exports. Bundle stores refuse this kind. */
export type GetExportBundle = {
  /** Tells this kind of bundle from the others. */
  moduleFormat: 'getExport';
  /** The script. */
  source: string;
  /** Its source map. */
  sourceMap?: string;
};

/** A script that carries its modules inside; its ID is `b0-` and the SHA-256 of the bundle as JSON, in hex. */
export type NestedEvaluateBundle = {
  /** Tells this kind of bundle from the others. */
  moduleFormat: 'nestedEvaluate';
  /** The script. */
  source: string;
  /** Its source map. */
  sourceMap?: string;
};

/** A zip archive of modules; its ID is `b1-` and the SHA-512 of the archive's compartment map, in hex. */
export type EndoZipBase64Bundle = {
  /** Tells this kind of bundle from the others. */
  moduleFormat: 'endoZipBase64';
  /** The archive in base64. */
  endoZipBase64: string;
  /** SHA-512 of the compartment map in the archive, in hex. */
  endoZipBase64Sha512: string;
};

/** Code in a form that a vat can be made from. */
export type Bundle = EndoZipBase64Bundle | GetExportBundle | NestedEvaluateBundle;

/** What the kernel may do with bundles, each stored under the ID that its contents give. */
export interface BundleStore {
  /**
   * Stores a bundle.
   *
   * @throws if the ID does not belong to the contents, the kind is not one for that ID, or there is one already.
   */
  addBundle: (bundleID: string, bundle: Bundle) => void;

  /** Are the contents of this bundle here? */
  hasBundle: (bundleID: string) => boolean;

  /**
   * The bundle.
   *
   * @throws if there is none, or its contents are not here.
   */
  getBundle: (bundleID: string) => Bundle;

  /** Deletes a bundle. It is no error if there is none. */
  deleteBundle: (bundleID: string) => void;
}

/** What export, import and repair do with bundles. */
export interface BundleStoreInternal {
  /**
   * The bytes of a bundle artifact, `bundle.{bundleID}`: JSON for `b0-`, the archive for `b1-`.
   *
   * @throws at the first step if the name has another form, or the store does not hold those bytes.
   */
  exportBundle: (name: string) => AsyncIterableIterator<Uint8Array>;

  /**
   * Accepts the record of a bundle that is there.
   *
   * @throws if it is not.
   */
  repairBundleRecord: (key: string, value: string) => void;

  /**
   * Adds the record of a bundle that has no contents yet.
   *
   * @param key  `bundle.{bundleID}`.
   * @param value  the ID.
   * @throws if the two disagree, or there is such a record already.
   */
  importBundleRecord: (key: string, value: string) => void;

  /**
   * Fills a bundle from an artifact, having checked its contents against its ID.
   *
   * @throws (rejects) if there is no record for it, or the contents do not belong to the ID.
   */
  importBundle: (name: string, dataProvider: () => Promise<Buffer>) => Promise<void>;

  /**
   * Checks that every bundle has its contents.
   *
   * @throws if one has not.
   */
  assertComplete: (checkMode: CheckMode) => void;

  /** Export-data records of all bundles. */
  getExportRecords: () => IterableIterator<readonly [key: string, value: string]>;

  /** The names of all bundle artifacts. */
  getArtifactNames: () => AsyncIterableIterator<string>;

  /** The IDs of all bundles, in order. */
  getBundleIDs: () => IterableIterator<string>;
}

/** What `debug.dump` uses of bundles. */
export interface BundleStoreDebug {
  /** Contents in base64, by bundle ID. */
  dumpBundles: () => BundleDump;
}

/** Contents in base64, by bundle ID. */
export type BundleDump = { [bundleID: string]: string };

// ---------------------------------------------------------------------------------------------------------------------
// A store
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The kernel's side of a store. Whatever it writes stays uncommitted until the host commits.
 */
export interface SwingStoreKernelStorage {
  /** Consensus and `local.` keys. */
  kvStore: KVStore;
  /** What was delivered to each vat. */
  transcriptStore: TranscriptStore;
  /** Heap snapshots of the vats' workers. */
  snapStore: SnapStore;
  /** Code that vats are made from. */
  bundleStore: BundleStore;

  /**
   * Begins a crank: a unit of work that can be undone as a whole or in part.
   *
   * @throws if one is going on.
   */
  startCrank: () => void;

  /**
   * Marks a point in the crank that `rollbackCrank` can go back to.
   *
   * @throws outside of a crank.
   */
  establishCrankSavepoint: (savepoint: string) => void;

  /**
   * Undoes everything that any of the sub-stores was told since that savepoint, and forgets it and those after it.
   *
   * @throws outside of a crank, or if there is no such savepoint.
   */
  rollbackCrank: (savepoint: string) => void;

  /**
   * Hashes the changes to consensus keys since `startCrank` or the last call, and chains the result into the activity
   * hash.
   *
   * @returns both hashes, in hex.
   */
  emitCrankHashes: () => {
    /** SHA-256 over the changes. */
    crankhash: string;
    /** SHA-256 over the activity hash before, and the crank hash. */
    activityhash: string;
  };

  /**
   * Ends the crank and hands what it changed to the `exportCallback`.
   *
   * @throws outside of a crank.
   */
  endCrank: () => void;

  /** The activity hash in hex; empty before the first `emitCrankHashes`. */
  getActivityhash: () => string;
}

/** The host's side of a store. */
export interface SwingStoreHostStorage {
  /** The keys that begin with `host.`; the others can be read here, but not written. */
  kvStore: KVStore;

  /**
   * Makes everything written since the last commit permanent, having handed the rest of it to `exportCallback`.
   *
   * @throws (rejects) if the disk fails (`code` `SQLITE_FULL`, `SQLITE_IOERR…`): what was not committed is lost then, also
   *   if `commit` is called again. Of a store in the unsafe fast mode, and of an import, which can't be undone, every
   *   further write or commit fails with `ERR_SWING_STORE_TORN`: close it, and import again.
   */
  commit: () => Promise<void>;

  /**
   * Closes the store. What was not committed is lost.
   *
   * @throws (rejects) with `db not initialized` if it is closed already.
   */
  close: () => Promise<void>;

  /** Size of the database file in bytes; 0 for a store in memory. Every store of this package has this method. */
  diskUsage?: () => number;

  /**
   * Adds the records of transcript spans and snapshots that the exporter lists and this store lacks, then closes the
   * exporter. Nothing is committed.
   *
   * @throws (rejects) if a record differs from this store's, or one of a bundle is missing here.
   */
  repairMetadata: (exporter: SwingStoreExporter) => Promise<void>;
}

/** A whole store as plain objects, for tests to compare. */
export interface SwingStoreDebugDump {
  /** All keys, `host.` and `local.` ones too. */
  kvEntries: { [key: string]: string };
  /** Items by vat and position. */
  transcripts: { [vatID: string]: { [position: number]: string } };
  /** Snapshots by vat. */
  snapshots: { [vatID: string]: SnapshotDump[] };
  /** Contents in base64, by bundle ID. */
  bundles: BundleDump;
}

/** What tests and tools do with a store. */
export interface SwingStoreDebugTools {
  /** The whole store as objects; without history if `includeHistorical` is false. */
  dump: (includeHistorical?: boolean) => SwingStoreDebugDump;

  /**
   * The whole database as bytes, for the `serialized` option of another store.
   *
   * @throws if the store is not in memory.
   */
  serialize: () => Buffer;

  /** The database under the store. It sees what is written and not yet committed. */
  getDatabase: () => Database;
}

/** What this package's own tools use of a store. */
export interface SwingStoreInternal {
  /** The directory; `null` for a store in memory or one opened with `asFile`. */
  dirPath: string | null;
  /** Was the path taken as that of the database file? */
  asFile: boolean;
  /** The database under the store. */
  db: Database;
  /** All keys: whatever is written here is neither hashed nor noted for export. */
  kvStore: KVStore;
  /** Transcripts, all methods but the dump. */
  transcriptStore: TranscriptStore & TranscriptStoreInternal;
  /** Snapshots, all methods but the dump. */
  snapStore: SnapStore & SnapStoreInternal & Omit<SnapStoreDebug, 'dumpSnapshots'>;
  /** Bundles, all methods but the dump. */
  bundleStore: BundleStore & BundleStoreInternal;
}

/** An open store, as {@link initSwingStore} and {@link openSwingStore} return it. */
export interface SwingStore {
  /** For the kernel. */
  kernelStorage: SwingStoreKernelStorage;
  /** For the program around the kernel. */
  hostStorage: SwingStoreHostStorage;
  /** For tests and tools. */
  debug: SwingStoreDebugTools;
  /** For this package. */
  internal: SwingStoreInternal;
}

/** Options of {@link initSwingStore} and {@link openSwingStore}. */
export interface SwingStoreOptions {
  /** Take the path as that of the database file itself, not of the directory around it. Default: false. */
  asFile?: boolean | undefined;

  /** A database as bytes (see `debug.serialize`) that the store in memory begins with. The path must be `null`. */
  serialized?: Buffer | undefined;

  /** Do without the journal, so that a crash may ruin the file; for filling a new store fast. Default: false. */
  unsafeFastMode?: boolean | undefined;

  /** Open the database for reading alone. Default: false. */
  readonly?: boolean | undefined;

  /** A file to which every `set` and `delete` of a key is appended. */
  traceFile?: string | undefined;

  /** Keep the bytes of snapshots that are no longer in use. Default: false. */
  keepSnapshots?: boolean | undefined;

  /** Keep the items of spans that are no longer current. Default: true. */
  keepTranscripts?: boolean | undefined;

  /** Is called with each snapshot that is saved, before `saveSnapshot` resolves. */
  archiveSnapshot?: SnapshotCallback | undefined;

  /** Is called with each span that ends, before the rollover resolves. */
  archiveTranscript?: TranscriptCallback | undefined;

  /**
   * Is called at the end of a crank and at a commit with what has changed in the export data since: one entry a key, in
   * the order of keys, `null` for a deletion. It is not called when nothing has.
   */
  exportCallback?: ((pendingExports: Iterable<[key: string, value: string | null]>) => void) | undefined;

  /** Takes the key-value store before it is put to use and returns the one to use. */
  wrapKvStore?: Replacer<KVStore> | undefined;

  /** Takes the transcript store before it is put to use and returns the one to use. */
  wrapTranscriptStore?: Replacer<TranscriptStore & TranscriptStoreInternal & TranscriptStoreDebug> | undefined;

  /** Takes the snapshot store before it is put to use and returns the one to use. */
  wrapSnapStore?: Replacer<SnapStore & SnapStoreInternal & SnapStoreDebug> | undefined;

  /** Takes the bundle store before it is put to use and returns the one to use. */
  wrapBundleStore?: Replacer<BundleStore & BundleStoreInternal & BundleStoreDebug> | undefined;
}

/**
 * Creates an empty store.
 *
 * @param path  a directory, made if need be; **whatever is there is deleted**. `null` or absent: a store in memory.
 * @throws if somebody has the store open that would be deleted (`code` `ERR_SWING_STORE_IN_USE`); if `path` is neither a string nor nullish, an option has the wrong type, or the file cannot be made.
 */
export function initSwingStore(path?: string | null, options?: SwingStoreOptions): SwingStore;

/**
 * Opens a store; makes an empty one where there is none.
 *
 * @param path  the directory that holds the store.
 * @throws if `path` is not a string, an option has the wrong type, or the file is not a store or cannot be opened.
 */
export function openSwingStore(path: string, options?: SwingStoreOptions): SwingStore;

/**
 * Does this directory hold a store, that is, a file `swingstore.sqlite`?
 *
 * @throws if `dirPath` is not a string.
 */
export function isSwingStore(dirPath: string): boolean;

// ---------------------------------------------------------------------------------------------------------------------
// Export and import
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A store as seen from outside. {@link makeSwingStoreExporter} makes one from a store on disk, which shows the last
 * commit before it was made however far the live store has gone on since. A program may bring its own, over a directory
 * or a network say, for {@link importSwingStore} to read.
 */
export interface SwingStoreExporter {
  /**
   * The value of a `host.` key, or `undefined`.
   *
   * @throws if the key is not a host key.
   */
  getHostKV: (key: string) => string | undefined;

  /**
   * The export data: all consensus keys (`kv.{key}`) and the records that artifacts are checked against
   * (`snapshot.…`, `transcript.…`, `bundle.…`). It is what has to be trusted; all else is validated by it.
   */
  getExportData: () => AnyIterable<KVPair>;

  /**
   * The names of the artifacts that the mode asks for. Each can be read by `getArtifact`.
   *
   * @throws at the call if the store lacks something that the mode asks for.
   */
  getArtifactNames: () => AnyIterable<string>;

  /**
   * The bytes of one artifact: `transcript.{vatID}.{startPos}.{endPos}`, `snapshot.{vatID}.{snapPos}` or
   * `bundle.{bundleID}`. Where the chunks are cut means nothing.
   *
   * @throws at the call or at the first step if there is no such artifact or its bytes are gone; with
   *   `ERR_SWING_STORE_OVERTAKEN` if the disk failed, which ended the exporter's view of the store, and the store has gone
   *   on since: make a new exporter.
   */
  getArtifact: (name: string) => AnyIterable<Uint8Array>;

  /** Lets go of the store. Sequences that are still being read fail at their next step. */
  close: () => Promise<void>;
}

/** Options of {@link makeSwingStoreExporter}. */
export interface ExportSwingStoreOptions {
  /** Which artifacts to list, and to insist on. Default: `operational`. */
  artifactMode?: ArtifactMode | undefined;

  /**
   * Check at once that the store has all that the mode asks for, and throw from `makeSwingStoreExporter` itself if not,
   * instead of waiting for `getArtifactNames`. Default: false. `@agoric/swing-store` ignores it.
   */
  checkComplete?: boolean | undefined;
}

/**
 * Opens a store on disk for export, without holding up one that is running on it.
 *
 * @param dirPath  the directory that holds the store.
 * @throws if `dirPath` is not a string, the mode is unknown, or the file is not a store or cannot be opened; with
 *   `checkComplete`, also if something is missing.
 */
export function makeSwingStoreExporter(dirPath: string, options?: ExportSwingStoreOptions): SwingStoreExporter;

/** Options of {@link importSwingStore}: its mode, and those of the store that it makes. */
export interface ImportSwingStoreOptions extends SwingStoreOptions {
  /** Which artifacts to take, and to insist on (`debug` insists on `operational`). Default: `operational`. */
  artifactMode?: ArtifactMode | undefined;
}

/**
 * Makes a new store from an exporter, checking each artifact against the export data, then closes the exporter.
 * **Nothing is permanent until the caller commits.** To run a kernel on the result, commit, close and open it.
 *
 * Until the commit the new store lies out of sight, so that an import that fails or is killed leaves nothing that opens.
 * The commit puts it in its place; wait for its promise before anything else is done with the store.
 *
 * @param dirPath  a directory, made if need be; **whatever is there is deleted** by the first commit. `null` or absent: a
 *   store in memory. Nobody may have a store open there, in this process or another: the commit then rejects with `code`
 *   `ERR_SWING_STORE_IN_USE`, and may be tried again. If another process has it open, the import rejects at once.
 * @throws (rejects) if the export data is malformed, an artifact does not match it, or something that the mode asks for
 *   is missing.
 */
export function importSwingStore(
  exporter: SwingStoreExporter,
  dirPath?: string | null,
  options?: ImportSwingStoreOptions,
): Promise<Pick<SwingStore, 'hostStorage' | 'debug'>>;

/** How far long work has come. None of the numbers ever falls. */
export interface WorkProgress {
  /** What is being done: looking at what there is, the work itself, bringing it to an end, nothing any more. */
  readonly stage: 'preparing' | 'working' | 'finishing' | 'done';
  /** How many pieces are finished. The function that is called says what they are. */
  readonly done: number;
  /** How many pieces there are; 0 while, or where, that is not known. */
  readonly total: number;
  /** How many bytes were read or written. */
  readonly bytes: number;
}

/** How long work is watched and ended. */
export interface WorkOptions {
  /**
   * Is told how far the work has come, at most 20 times a second, and once at the end, also after an abort. What it throws
   * ends the work, which rejects with it.
   */
  onProgress?: ((progress: WorkProgress) => void) | undefined;

  /**
   * Ends the work when it is aborted; the promise rejects with the signal's `reason`. If it is aborted already, nothing is
   * done at all.
   */
  signal?: AbortSignal | undefined;
}

/** Options of {@link exportSwingStoreToDirectory}. */
export interface ExportToDirectoryOptions extends WorkOptions {
  /** Which artifacts to write, and to insist on; `none` writes none. Default: `operational`. */
  artifactMode?: ArtifactMode | 'none' | undefined;

  /**
   * Whether to write the export data: `all` of it, or `skip` it, for a caller that has it from elsewhere. Without it the
   * directory can't be imported by itself. Default: `all`. (`cosmic-swingset`'s own program skips it unless it is asked.)
   */
  exportDataMode?: 'all' | 'skip' | undefined;

  /** The height that the store's host must have noted under `host.height`. Default: any. */
  blockHeight?: number | undefined;
}

/** What {@link exportSwingStoreToDirectory} has written. */
export interface ExportedDirectory {
  /** The block height, from the host's key `host.height`; 0 if there is none. It is in the manifest, too. */
  readonly blockHeight: number;
  /** How many artifacts were written. */
  readonly artifacts: number;
  /** How many bytes the artifacts and the export data have. */
  readonly bytes: number;
}

/**
 * Writes a store's last commit to a directory, in the layout of `cosmic-swingset`: `export-manifest.json`,
 * `export-data.jsonl`, and a file for each artifact. A kernel may be running on the store meanwhile.
 *
 * Once there is a manifest, everything that it names is there, whole, and on the disk. If the export fails, is aborted
 * or killed, there is none; what was in the directory before is never touched.
 *
 * Progress counts files: artifacts, and the one with the export data. An abort removes what was written so far.
 *
 * @param dirPath  the directory that holds the store.
 * @param exportDir  the directory to write to, made if need be. It must neither be, nor lie in, nor hold the store's.
 * @throws (rejects) if `exportDir` has a manifest, or another file that would be in the way (`code` `EEXIST`); if the
 *   store lacks something that the mode asks for, which the message names with what to do; if it is at another block; if
 *   an option has the wrong type.
 */
export function exportSwingStoreToDirectory(
  dirPath: string,
  exportDir: string,
  options?: ExportToDirectoryOptions,
): Promise<ExportedDirectory>;

/** Options of {@link importSwingStoreFromDirectory}: what to import, and options of the store that it makes. */
export interface ImportFromDirectoryOptions extends Omit<SwingStoreOptions, 'readonly' | 'serialized'>, WorkOptions {
  /**
   * Which artifacts to take, and to insist on (`debug` insists on `operational`). Default: those that the export was made
   * with, according to its manifest.
   */
  artifactMode?: ArtifactMode | undefined;

  /**
   * How to take the export data: `all` of it, into a new store. {@link repairSwingStoreFromDirectory} does what
   * `cosmic-swingset` calls `repair-metadata`; for artifacts alone, into a store that has their hashes, there is
   * {@link repopulateSwingStoreFromDirectory}.
   */
  exportDataMode?: 'all' | undefined;

  /** The block height that the manifest must state. Default: any. */
  blockHeight?: number | undefined;
}

/** What {@link importSwingStoreFromDirectory} has made: what {@link importSwingStore} returns, and the block's height. */
export interface ImportedDirectory extends Pick<SwingStore, 'hostStorage' | 'debug'> {
  /**
   * The block height that the manifest states. It is not part of the store: a host that keeps it there sets it
   * (`hostStorage.kvStore.set('host.height', String(blockHeight))`) before it commits.
   */
  readonly blockHeight: number;
}

/**
 * Makes a new store from a directory that {@link exportSwingStoreToDirectory} or `cosmic-swingset` has written, checking
 * every artifact as {@link importSwingStore} does. Nothing runs on JavaScript's thread but `onProgress`.
 *
 * **Nothing is permanent until the caller commits.** Until then the new store lies out of sight beside its place, and
 * what is at the place stays as it is; so an import that fails, is aborted or killed leaves nothing that opens. What a
 * killed one leaves behind is removed by the next one to the same place. `wrapKvStore` and the like wrap what is
 * returned; the import itself passes them by, and does not show in `traceFile`.
 *
 * Progress counts files, as that of an export does.
 *
 * @param exportDir  the directory with the export. Whatever its manifest says, no file outside of it is read.
 * @param dirPath  a directory, made if need be; **whatever is there is deleted** by the first commit. The export must not
 *   lie in it. Nobody may have a store open there; see {@link importSwingStore}.
 * @throws (rejects) if somebody has the store open that is at the place (`code` `ERR_SWING_STORE_IN_USE`); if the manifest is malformed, or names files that must not be read, before anything is done; if an
 *   artifact does not match the export data, or something that the mode asks for is missing.
 */
export function importSwingStoreFromDirectory(
  exportDir: string,
  dirPath: string,
  options?: ImportFromDirectoryOptions,
): Promise<ImportedDirectory>;

/** Options of {@link repairSwingStoreFromDirectory}. */
export interface RepairFromDirectoryOptions extends WorkOptions {
  /** The height that the manifest must state, and the store's host must have noted. Default: any, but the same in both. */
  blockHeight?: number | undefined;
}

/** What {@link repairSwingStoreFromDirectory} has done. */
export interface RepairedDirectory {
  /** The block height of the store and of the export. */
  readonly blockHeight: number;
  /** How many records of spans, snapshots and bundles the export has. */
  readonly records: number;
  /** How many of them the store did not have, and has now. */
  readonly added: number;
}

/**
 * Adds records of spans and snapshots that a store lacks, from a directory with an export of the same block, and commits:
 * what `hostStorage.repairMetadata` does with an exporter. Neither key-value entries nor artifacts are looked at. With its
 * record, a span or a snapshot can be filled in later.
 *
 * It is one transaction: if anything goes wrong, nothing was done. No kernel may be running on the store. Progress counts
 * records in place of files.
 *
 * @param exportDir  the directory with the export, which must have export data.
 * @param dirPath  the directory that holds the store.
 * @throws (rejects) if the two are at different blocks, or contradict each other; if the manifest is malformed; if the
 *   store lacks something that is needed to run.
 */
export function repairSwingStoreFromDirectory(
  exportDir: string,
  dirPath: string,
  options?: RepairFromDirectoryOptions,
): Promise<RepairedDirectory>;

// ---------------------------------------------------------------------------------------------------------------------
// History
// ---------------------------------------------------------------------------------------------------------------------

/** A value as `JSON.parse` makes it. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * Whether a vat goes on.
 *
 * - `terminated`: the kernel lists it in `vats.terminated`, and deletes it, a little in each block.
 * - `live`: otherwise, if it has a current span.
 * - `gone`: otherwise. Something of it is still there.
 */
export type VatState = 'live' | 'terminated' | 'gone';

/** How much of something is there: all, some or none of it. Of an empty span, all is there. */
export type Populated = 'all' | 'some' | 'none';

/** Options of questions whose answers may have sizes in them. */
export interface HistorySizeOptions extends WorkOptions {
  /**
   * Say how many bytes transcript items have (`bytes`). That visits the row of every item, of the one vat or of all:
   * seconds for millions of them. What was measured once is remembered until the history is closed. Default: false.
   */
  sizes?: boolean | undefined;
}

/** What the store knows of a vat. */
export interface VatHistory {
  /** Its ID. */
  readonly vatID: string;
  /** Its name: that of a static vat (`vat.name.{name}`), or the one in its options. */
  readonly name: string | null;
  /** Whether it came with the kernel, or was made by another vat; `null` if the kernel's state does not say. */
  readonly kind: 'static' | 'dynamic' | null;
  /** Whether it goes on. */
  readonly state: VatState;
  /** Whether the kernel's state has the vat (`{vatID}.o.nextID`). */
  readonly inKernel: boolean;
  /** The number of its current incarnation, or else of the last one that there are spans of. The first one is 0. */
  readonly incarnation: number | null;
  /** Of how many incarnations there are spans. */
  readonly incarnations: number;
  /** The position behind its last item: how many it ever had. */
  readonly endPos: number;
  /** How many spans it has. */
  readonly spans: number;
  /** Of how many of them all items are there. */
  readonly populatedSpans: number;
  /** How many of its items are there. */
  readonly items: number;
  /** How many bytes those items have in the file, if sizes were asked for. */
  readonly bytes?: number;
  /** How many snapshots are recorded. */
  readonly snapshots: number;
  /** Of how many of them the image is there. */
  readonly populatedSnapshots: number;
  /** How many bytes those images have in the file. */
  readonly snapshotBytes: number;
  /** What the kernel starts it from: `{vatID}.source`. */
  readonly source: { readonly [key: string]: JsonValue } | null;
  /** And with which options: `{vatID}.options`. */
  readonly options: { readonly [key: string]: JsonValue } | null;
}

/** A worker was started from bundles. */
export interface InitializeWorkerEntry {
  /** The pseudo-delivery. */
  readonly kind: 'initialize-worker';
  /** The vat's bundle; `null` if it has no ID. */
  readonly bundleID: string | null;
  /** The worker's type, and in `bundleIDs` the bundles that it loads first: lockdown and supervisor. */
  readonly workerOptions: { readonly [key: string]: JsonValue };
}

/** A worker was started from a snapshot, or a snapshot was made. */
export interface SnapshotEntry {
  /** The pseudo-delivery. */
  readonly kind: 'load-snapshot' | 'save-snapshot';
  /** The snapshot's hash. */
  readonly snapshotID: string;
}

/** A worker was shut down, because the vat was upgraded. */
export interface ShutdownWorkerEntry {
  /** The pseudo-delivery. */
  readonly kind: 'shutdown-worker';
}

/** An ordinary delivery to the vat. */
export interface DeliveryEntry {
  /** Not a pseudo-delivery. */
  readonly kind: 'delivery';
  /** Which one: `message`, `notify`, `startVat`, … */
  readonly delivery: string;
}

/** Something that no kernel writes. */
export interface UnknownEntry {
  /** Neither a delivery nor a pseudo-delivery. */
  readonly kind: 'unknown';
  /** What is wrong with it. */
  readonly problem: string;
}

/** An item that is not there. */
export interface PrunedEntry {
  /** It was pruned, or never came with an import. */
  readonly kind: 'pruned';
  /** The artifact that has it. */
  readonly artifact: string;
}

/** What a transcript item says. */
export type TranscriptEntry =
  InitializeWorkerEntry | SnapshotEntry | ShutdownWorkerEntry | DeliveryEntry | UnknownEntry | PrunedEntry;

/** An entry at the beginning or the end of a span, and where it is. */
export type PseudoDelivery = TranscriptEntry & EntryPlace;

/** Where an entry is. */
export interface EntryPlace {
  /** Its position in the vat's transcript. */
  readonly position: number;
  /** The incarnation that it belongs to. */
  readonly incarnation: number;
  /** The span that it belongs to, by its first position. */
  readonly spanStart: number;
}

/** What a vat was between two upgrades. */
export interface IncarnationHistory {
  /** Its number. A vat's first one is 0. */
  readonly incarnation: number;
  /** Its first position. */
  readonly startPos: number;
  /** The position behind its last. */
  readonly endPos: number;
  /** Whether it is the one that goes on. */
  readonly isCurrent: boolean;
  /** How many spans it has. */
  readonly spans: number;
  /** Of how many of them all items are there. */
  readonly populatedSpans: number;
  /** How many of its items are there. */
  readonly items: number;
  /** How many bytes those items have in the file, if sizes were asked for. */
  readonly bytes?: number;
  /** Whether all its items are there, and no span's record is missing between two others. */
  readonly complete: boolean;
  /** What its first item says: `initialize-worker`, if all is well. `null` if it has none yet. */
  readonly began: TranscriptEntry | null;
  /** What its last item says: `shutdown-worker`, if it was upgraded. `null` if it goes on, or never had any. */
  readonly ended: TranscriptEntry | null;
}

/** A span of a vat's transcript. */
export interface SpanHistory {
  /** The vat. */
  readonly vatID: string;
  /** Its first position. */
  readonly startPos: number;
  /** The position behind its last. */
  readonly endPos: number;
  /** The hash over its items. */
  readonly hash: string;
  /** Whether the vat goes on adding to it. */
  readonly isCurrent: boolean;
  /** The incarnation that it belongs to. */
  readonly incarnation: number;
  /** The artifact that has its items: `transcript.{vatID}.{startPos}.{endPos}`. */
  readonly artifact: string;
  /** How many of its items are there. */
  readonly items: number;
  /** Whether that is all of them. */
  readonly populated: Populated;
  /** How many bytes those items have in the file, if sizes were asked for. */
  readonly bytes?: number;
}

/** A heap snapshot of a vat. */
export interface SnapshotHistory {
  /** The vat. */
  readonly vatID: string;
  /** The position of its `save-snapshot`. The span that begins with loading it starts behind that. */
  readonly snapPos: number;
  /** SHA-256 of the uncompressed image. */
  readonly hash: string;
  /** Whether the vat's worker is started from it. */
  readonly inUse: boolean;
  /** Whether its image is there. */
  readonly populated: 'all' | 'none';
  /** How many bytes the image has; known of pruned ones, too, unless they came without it. */
  readonly uncompressedSize: number | null;
  /** How many bytes the image has, or had, in the file. */
  readonly compressedSize: number | null;
  /** The artifact that has the image: `snapshot.{vatID}.{snapPos}`. */
  readonly artifact: string;
}

/**
 * Where a bundle's contents are: in the bundle store, or in the key-value store (`bundle.{bundleID}`), where kernels kept
 * them before there was a bundle store.
 */
export type BundlePlace = 'bundleStore' | 'kvStore';

/** A bundle. */
export interface BundleHistory {
  /** Its ID. */
  readonly bundleID: string;
  /** The names under which the kernel knows it (`namedBundleID.{name}`). */
  readonly names: readonly string[];
  /** Where its contents are; `null` if only its record is there. */
  readonly storedIn: BundlePlace | null;
  /** How many bytes its contents have in the file. */
  readonly bytes: number | null;
  /** The artifact that has its contents: `bundle.{bundleID}`. */
  readonly artifact: string;
}

/** An item of a transcript. */
export interface HistoryItem {
  /** Its position in the vat's transcript. */
  readonly position: number;
  /** The incarnation that it belongs to. */
  readonly incarnation: number;
  /** The item: the JSON text of a delivery, its system calls and its result. */
  readonly item: string;
}

/** Options of reading items. */
export interface ReadItemsOptions {
  /** Read what is there, instead of failing at the first step if something is missing. Default: false. */
  skipMissing?: boolean | undefined;
}

/** Options of {@link SwingStoreHistory.readItems}. */
export interface ReadRangeOptions extends ReadItemsOptions {
  /** The first position. Default: the vat's first one. */
  start?: number | undefined;
  /** The position behind the last. Default: that behind the vat's last one. */
  end?: number | undefined;
}

/** Options of {@link SwingStoreHistory.replayPlan}. */
export interface ReplayPlanOptions extends HistorySizeOptions {
  /** The incarnation; a vat's first one is 0. Default: the current one. */
  incarnation?: number | undefined;
  /**
   * Where to begin: at the `start` of the incarnation, from bundles; or, as a kernel does, at its last `snapshot` (at the
   * start if it has none). Default: `start`.
   */
  from?: 'start' | 'snapshot' | undefined;
}

/** Start a worker from bundles. */
export interface ReplayFromBundles extends InitializeWorkerEntry {
  /** The position of the `initialize-worker`. */
  readonly position: number;
  /**
   * Where that is written: in the `transcript` or, because its item is not there, in the kernel's notes of the vat
   * (`{vatID}.source` and `{vatID}.options`), which are those of its current incarnation.
   */
  readonly learnedFrom: 'transcript' | 'kvStore';
}

/** Start a worker from a snapshot. */
export interface ReplayFromSnapshot {
  /** The pseudo-delivery. */
  readonly kind: 'load-snapshot';
  /** The position of the `load-snapshot`. */
  readonly position: number;
  /** The snapshot's hash. */
  readonly snapshotID: string;
  /** Where that is written: in the `transcript` or, because its item is not there, in the snapshot's record. */
  readonly learnedFrom: 'transcript' | 'snapshots';
}

/** Nothing in the store says what to start a worker from; the plan's `problems` say why. */
export interface ReplayFromUnknown {
  /** Neither. */
  readonly kind: 'unknown';
  /** Where the replay would begin. */
  readonly position: number;
}

/** What to start a worker from. */
export type ReplayStart = ReplayFromBundles | ReplayFromSnapshot | ReplayFromUnknown;

/** A point at which a replay can be compared with the original. */
export interface ReplayCheckpoint {
  /** The position of the `save-snapshot`. */
  readonly position: number;
  /** The hash that the heap's image had there. */
  readonly snapshotID: string;
}

/** Something that a plan takes and the store lacks. */
export interface MissingArtifact {
  /** What it is. */
  readonly kind: 'transcript' | 'snapshot' | 'bundle';
  /** The artifact that would fill it. */
  readonly artifact: string;
}

/** A bundle that a worker is started from. */
export interface ReplayBundle {
  /** Its ID. */
  readonly bundleID: string;
  /** What it is for: the `vat`'s code, or what the `worker` loads before it (lockdown and supervisor). */
  readonly role: 'worker' | 'vat';
  /** Where its contents are; `null` if they are not there. */
  readonly storedIn: BundlePlace | null;
  /** The artifact that has its contents. */
  readonly artifact: string;
}

/** What it takes to replay an incarnation of a vat. */
export interface ReplayPlan {
  /** The vat. */
  readonly vatID: string;
  /** The incarnation. */
  readonly incarnation: number;
  /** Whether it goes on. */
  readonly isCurrent: boolean;
  /** Where the replay was asked to begin. */
  readonly from: 'start' | 'snapshot';
  /** The first position that is replayed. */
  readonly startPos: number;
  /** The position behind the last one. */
  readonly endPos: number;
  /** What to start the worker from. */
  readonly start: ReplayStart;
  /** The spans to feed it, in order. */
  readonly spans: readonly SpanHistory[];
  /** The bundles to start it from, in the order in which a worker loads them; none for a snapshot, which has them in it. */
  readonly bundles: readonly ReplayBundle[];
  /** The snapshot to start it from, if it is one. */
  readonly snapshots: readonly SnapshotHistory[];
  /** Where the replay can be compared with the original: the hash that the heap's image had at each `save-snapshot`. */
  readonly checkpoints: readonly ReplayCheckpoint[];
  /** What of all that is not in the store, by the artifact that would fill it. */
  readonly missing: readonly MissingArtifact[];
  /** What keeps the plan from being carried out, and no artifact would mend. */
  readonly problems: readonly string[];
  /** Whether nothing is missing, and there are no problems. */
  readonly complete: boolean;
}

/**
 * A store's history as of one moment: which vats there were, how their transcripts are cut into incarnations and spans,
 * what is there of them, and what it takes to replay them. {@link openSwingStoreHistory} makes one.
 *
 * Questions are answered on other threads than JavaScript's. After `close` everything rejects.
 */
export interface SwingStoreHistory {
  /** All vats that the transcripts, the snapshots or the kernel's state know of, in the order of their numbers. */
  listVats: (options?: HistorySizeOptions) => Promise<readonly VatHistory[]>;

  /**
   * One vat.
   *
   * @throws (rejects) if nothing in the store knows it.
   */
  getVat: (vatID: string, options?: HistorySizeOptions) => Promise<VatHistory>;

  /**
   * A vat's incarnations, the oldest first.
   *
   * @throws (rejects) if the store has no transcript of the vat.
   */
  listIncarnations: (vatID: string, options?: HistorySizeOptions) => Promise<readonly IncarnationHistory[]>;

  /**
   * A vat's spans, the oldest first.
   *
   * @throws (rejects) if the store has no transcript of the vat.
   */
  listSpans: (vatID: string, options?: HistorySizeOptions) => Promise<readonly SpanHistory[]>;

  /**
   * A vat's pseudo-deliveries, in order, by which the kernel notes how workers began and ended. Only the first and the
   * last item of each span are looked at, which is where they are. The first one is listed whatever it is, the last one
   * unless it is an ordinary delivery.
   *
   * @throws (rejects) if the store has no transcript of the vat.
   */
  listPseudoDeliveries: (vatID: string, options?: WorkOptions) => Promise<readonly PseudoDelivery[]>;

  /** The snapshots of a vat, or of all, by vat and position. */
  listSnapshots: (vatID?: string) => Promise<readonly SnapshotHistory[]>;

  /** All bundles, by ID. */
  listBundles: () => Promise<readonly BundleHistory[]>;

  /**
   * What it takes to replay an incarnation.
   *
   * @throws (rejects) if the store has no transcript of the vat, the vat has no such incarnation or, without one being
   *   asked for, no current one. What is missing from the store is no error, but part of the plan.
   */
  replayPlan: (vatID: string, options?: ReplayPlanOptions) => Promise<ReplayPlan>;

  /** The block height that the host has noted under `host.height`; 0 if it has not. */
  getBlockHeight: () => Promise<number>;

  /**
   * One item.
   *
   * @throws (rejects) if the vat has no such position, or the item is missing.
   */
  readItem: (vatID: string, position: number) => Promise<HistoryItem>;

  /**
   * The items of a range of positions. A few hundred KiB of them are held at a time, however many there are.
   *
   * @throws (rejects, at the first step) if the store has no transcript of the vat, or the vat has not had all these
   *   positions; if items are missing, which the message says which artifacts would fill.
   */
  readItems: (vatID: string, options?: ReadRangeOptions) => AsyncIterableIterator<HistoryItem>;

  /**
   * The items of the span that starts at a position, as `readItems` gives them.
   *
   * @throws (rejects, at the first step) as `readItems`, and if no span starts there.
   */
  readSpan: (vatID: string, startPos: number, options?: ReadItemsOptions) => AsyncIterableIterator<HistoryItem>;

  /**
   * The items of an incarnation, as `readItems` gives them.
   *
   * @throws (rejects, at the first step) as `readItems`, and if there is no such incarnation.
   */
  readIncarnation: (
    vatID: string,
    incarnation: number,
    options?: ReadItemsOptions,
  ) => AsyncIterableIterator<HistoryItem>;

  /** Lets go of the store. What is being answered or read fails at its next step. */
  close: () => Promise<void>;
}

/**
 * Opens a store on disk to look at its history, as of its last commit, without holding up a kernel that is running on it,
 * and without writing to it. As long as it is open, SQLite keeps that state, so the store's WAL file may grow.
 *
 * @param dirPath  the directory that holds the store.
 * @throws if `dirPath` is not a string, there is no store in it, or the file is not a store or cannot be opened.
 */
export function openSwingStoreHistory(dirPath: string): SwingStoreHistory;

/** Options of {@link verifySwingStore}. */
export interface VerifySwingStoreOptions extends WorkOptions {
  /**
   * What has to be there. Whatever else is there is checked all the same; in `debug` nothing has to be. Default:
   * `operational`, which every store fulfils that a kernel can run on, also one that has no history (after state-sync,
   * say).
   */
  artifactMode?: ArtifactMode | undefined;

  /** Run SQLite's own check of the file, `PRAGMA integrity_check`? Default: true. */
  integrityCheck?: boolean | undefined;

  /** How many findings of each kind are listed; the others are counted in `leftOut`. Default: 1000. */
  findingsPerKind?: number | undefined;
}

/** What kind of thing a verification found. Each is explained in `docs/reference/verify.md`. */
export type VerificationKind =
  | 'sqlite-integrity'
  | 'unreadable'
  | 'schema-missing'
  | 'schema-differs'
  | 'schema-altered'
  | 'bad-value'
  | 'bad-mark'
  | 'bad-name'
  | 'not-unicode'
  | 'bad-activityhash'
  | 'span-bounds'
  | 'span-gap'
  | 'span-overlap'
  | 'incarnation-back'
  | 'current-span-missing'
  | 'current-span-twice'
  | 'current-span-not-last'
  | 'span-pruned'
  | 'span-half-pruned'
  | 'span-incomplete'
  | 'span-hash'
  | 'stray-item'
  | 'item-incarnation'
  | 'item-newline'
  | 'snapshot-pruned'
  | 'snapshot-gzip'
  | 'snapshot-hash'
  | 'snapshot-size'
  | 'snapshot-in-use-twice'
  | 'load-snapshot-unmatched'
  | 'snapshot-unmatched'
  | 'bundle-pruned'
  | 'bundle-invalid'
  | 'incomplete';

/** Something that is not as it should be. */
export interface VerificationFinding {
  /** What kind of thing it is: a stable word. There may be more in later versions. */
  readonly kind: VerificationKind;
  /** `error`: damaged, or missing though it is needed. `warning`: all is there, but not as a kernel writes it. */
  readonly severity: 'error' | 'warning';
  /** The table that it is in; `undefined` for the file as a whole. */
  readonly table?: string | undefined;
  /** The key, or the ID of the vat or bundle, of the row that it concerns. Very long ones are cut off. */
  readonly id?: string | undefined;
  /** The position of the span, item or snapshot that it concerns. */
  readonly position?: number | undefined;
  /** The name of the artifact that it concerns. */
  readonly artifact?: string | undefined;
  /** What was found, what was expected, and what to do. */
  readonly message: string;
}

/** How much there is of something, and how much of that was checked. */
export interface VerificationTally {
  /** How many records there are. */
  readonly total: number;
  /** How many of them have contents, which were checked. */
  readonly checked: number;
  /** How many of them have no contents any more. */
  readonly pruned: number;
  /** How many bytes were hashed: of items, of uncompressed images, of bundles. */
  readonly bytes: number;
}

/** What {@link verifySwingStore} has found out. */
export interface VerificationReport {
  /** Is nothing wrong at all? */
  readonly ok: boolean;
  /** The mode whose completeness was checked. */
  readonly artifactMode: ArtifactMode;
  /** The block height, from the host's key `host.height`; `undefined` if there is none. */
  readonly blockHeight?: number | undefined;
  /** What is wrong, in the order of tables, IDs and positions. */
  readonly findings: readonly VerificationFinding[];
  /** How many findings of a kind there are that are not listed. */
  readonly leftOut: Readonly<Partial<Record<VerificationKind, number>>>;
  /** Transcript spans. */
  readonly spans: VerificationTally;
  /** How many transcript items lie in spans. */
  readonly items: number;
  /** Heap snapshots. */
  readonly snapshots: VerificationTally;
  /** Bundles. */
  readonly bundles: VerificationTally;
  /** How many keys the kvStore has, those of the host included. */
  readonly keys: number;
  /** How many changes of the export data the host has yet to be told. That some are left is nothing bad. */
  readonly pendingExports: number;
}

/**
 * Looks through a whole store: recomputes every hash of what is there, and checks that nothing is missing that
 * `artifactMode` needs, that records fit together, that spans and snapshots belong together, and that SQLite finds
 * nothing wrong with the file. Only reads, as of the store's last commit, on threads of its own; a kernel may go on
 * running on the store.
 *
 * Progress counts spans, snapshots, bundles, the kvStore, and SQLite's own check of the file; bytes are those of keys,
 * values, items, uncompressed images and bundles.
 *
 * @param dirPath  the directory that has `swingstore.sqlite` in it
 * @throws (rejects) if there is no store. A store that is damaged is one, and gives a report.
 */
export function verifySwingStore(dirPath: string, options?: VerifySwingStoreOptions): Promise<VerificationReport>;

/** Options of {@link diffSwingStores}. */
export interface DiffSwingStoresOptions extends WorkOptions {
  /**
   * Which artifacts of a store count. Default: those of the mode that the other was exported in; if both are stores, all
   * that are there (`debug`).
   */
  artifactMode?: ArtifactMode | undefined;

  /** Compare artifacts byte for byte, too, where their records are equal? Default: false. */
  contents?: boolean | undefined;

  /** Compare keys that are not exported, too (`host.` and `local.`)? Both must be stores then. Default: false. */
  localKeys?: boolean | undefined;

  /** How many differences are listed; the others are counted in `leftOut`. Default: 1000. */
  limit?: number | undefined;
}

/** Something that two stores, or exports, do not have in common. */
export interface SwingStoreDifference {
  /** A record of the export data, a key that is not exported, or an artifact. */
  readonly subject: 'record' | 'local-key' | 'artifact';
  /** Does only the first have it, or only the second, or both, but not the same? */
  readonly in: 'a' | 'b' | 'both';
  /** The key, or the artifact's name. Very long ones are cut off. */
  readonly name: string;
  /** The first's value of a record or key. Long ones are cut off, and say how long they are. */
  readonly a?: string | undefined;
  /** The second's value of a record or key. */
  readonly b?: string | undefined;
  /** How the bytes of an artifact differ. */
  readonly detail?: string | undefined;
}

/** How much of one kind of thing there is, and how much of it differs. */
export interface DifferenceCounts {
  /** How many the first has. */
  readonly a: number;
  /** How many the second has. */
  readonly b: number;
  /** How many only the first has. */
  readonly onlyA: number;
  /** How many only the second has. */
  readonly onlyB: number;
  /** How many both have, but not the same. */
  readonly differing: number;
}

/** What {@link diffSwingStores} has found out. */
export interface SwingStoreDiff {
  /** Is everything the same that was compared? */
  readonly same: boolean;
  /** The block heights of both; `undefined` where it is not known. */
  readonly blockHeights: readonly [a: number | undefined, b: number | undefined];
  /** What differs: records, then local keys, then artifacts, each by key or name. */
  readonly differences: readonly SwingStoreDifference[];
  /** How many more differences there are than are listed. */
  readonly leftOut: number;
  /** Of the export data; `undefined` if an export was made without it, so that nothing could be compared. */
  readonly records?: DifferenceCounts | undefined;
  /** Of keys that are not exported; `undefined` if they were not asked for. */
  readonly localKeys?: DifferenceCounts | undefined;
  /** Of artifacts; `undefined` if an export was made without any. */
  readonly artifacts?: DifferenceCounts | undefined;
  /** How many artifacts were compared byte for byte. */
  readonly contents: number;
}

/**
 * Compares two stores, two exports in directories, or one of each: records by key, artifacts by name (and byte for byte on
 * request). Only reads; a store is taken at its last commit, and a kernel may go on running on it.
 *
 * Progress counts artifacts that are compared byte for byte.
 *
 * @param a  a directory that has `swingstore.sqlite` or `export-manifest.json` in it
 * @param b  another one
 * @throws (rejects) if there is neither a store nor an export, or both of them, or an export is malformed.
 */
export function diffSwingStores(a: string, b: string, options?: DiffSwingStoresOptions): Promise<SwingStoreDiff>;

/** How work beside a kernel held the lock that lets one connection write at a time, and waited for it. */
export interface LockingReport {
  /** How many transactions there were. */
  readonly transactions: number;
  /** How long the longest one held the lock, in milliseconds: that long a kernel may have had to wait. */
  readonly longest: number;
  /** How long was spent waiting for others, in milliseconds. */
  readonly waited: number;
}

/** What a store's file takes up. */
export interface StoreSpace {
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** Bytes of pages in the file that hold nothing. SQLite uses them again before the file grows. */
  readonly freeBytes: number;
  /** Bytes of the log beside it, `swingstore.sqlite-wal`. */
  readonly logBytes: number;
}

/** Where {@link repopulateSwingStore} gets artifacts from: an exporter, or less. */
export interface ArtifactProvider extends Pick<SwingStoreExporter, 'getArtifactNames' | 'getArtifact'> {
  /** Is called when all artifacts were read. */
  close?: (() => Promise<void>) | undefined;
}

/** Options of {@link repopulateSwingStore} and {@link repopulateSwingStoreFromDirectory}. */
export interface RepopulateOptions extends WorkOptions {
  /**
   * Which artifacts to take: `replay`: every span of each vat's current incarnation; `archival`: every span of vats that
   * are not terminated; `debug`: all spans and snapshots that the store has records of. Every mode takes current spans and
   * snapshots and bundles that are missing, too, though no sound store lacks any; `operational` takes only those.
   * Default: `archival`.
   */
  artifactMode?: ArtifactMode | undefined;

  /** The longest artifact to take, in bytes, uncompressed. Default: 536870912 (512 MiB). */
  maxArtifactBytes?: number | undefined;

  /**
   * Insert a span that has more bytes in several transactions of about so many. A kernel waits less then, but if the work
   * is killed between two of them the span has some of its items: it counts as pruned as before, and the next run fills
   * it. Default: every span is inserted in one transaction.
   */
  maxTransactionBytes?: number | undefined;

  /**
   * Also replace contents that are there but are not what their record says: items or an image that do not have its hash
   * or sizes, a bundle that is not what its ID says. They are replaced whatever `artifactMode` is, each in one transaction,
   * by an artifact that has the hash. Every artifact's counterpart in the store is read and hashed for that. Of a current
   * span the artifact may come from a node at another block. Only artifacts that are offered are looked for:
   * {@link verifySwingStore} tells whether anything is damaged still. Default: false.
   */
  replaceDamaged?: boolean | undefined;
}

/** An artifact that was not taken, and why. */
export interface RefusedArtifact {
  /** Its name. */
  readonly name: string;
  /** A stable name for the reason, like the `code` of errors; empty if a stream failed with an error that has none. */
  readonly code: string;
  /** The reason, in words. */
  readonly reason: string;
}

/** What a repopulation has done. */
export interface RepopulationReport {
  /** The names of the artifacts that were filled in. */
  readonly filled: readonly string[];
  /** The names of the artifacts that took the place of damaged contents. */
  readonly replaced: readonly string[];
  /** How many bytes all these have. */
  readonly bytes: number;
  /** How many artifacts were in the store already. */
  readonly present: number;
  /** How many artifacts the mode does not ask for. */
  readonly unwanted: number;
  /** How many artifacts were refused. */
  readonly refusedCount: number;
  /** The artifacts that were refused; of more than a thousand, the first thousand. */
  readonly refused: readonly RefusedArtifact[];
  /** The names of those artifacts that the mode asks for and the store still lacks. */
  readonly missing: readonly string[];
  /** How the lock was held and waited for. */
  readonly locking: LockingReport;
}

/**
 * Fills in spans and snapshots that were pruned, from artifacts that need not be trusted: each is checked against the hash
 * that the store has kept. All of an artifact is taken or nothing. What is there already is left alone, or with
 * `replaceDamaged` replaced if it is damaged.
 *
 * **A kernel may be running on the store meanwhile**, in this process or another, of this package or of
 * `@agoric/swing-store`. Artifacts are read and checked first, and inserted in a short transaction each. Between its
 * blocks, and only then, the kernel has to leave room for that: a store on which a transaction is open all the time is
 * waited for, without end.
 *
 * An artifact that is wrong, or whose stream fails, is refused, and does not end the work. What `getArtifactNames` throws
 * does; what was filled in before stays. In the end, unless something failed, the exporter is closed, if it has a `close`.
 *
 * Progress counts artifacts that were looked at. After an abort what was filled in stays, and another call goes on.
 *
 * @param exporter  such as {@link makeSwingStoreExporter} makes; export data is not asked for.
 * @param dirPath  the directory that holds the store.
 * @throws (rejects) if there is no store (`code` `ERR_SWING_STORE_OPEN`), if it is running in the unsafe fast mode
 *   (`ERR_SWING_STORE_IN_USE`), or if the disk fails.
 */
export function repopulateSwingStore(
  exporter: ArtifactProvider,
  dirPath: string,
  options?: RepopulateOptions,
): Promise<RepopulationReport>;

/**
 * Like {@link repopulateSwingStore}, from a directory, on other threads than JavaScript's, several artifacts at a time.
 *
 * Progress counts artifacts that were looked at. After an abort what was filled in stays, and another call goes on.
 *
 * @param directory  an export (then its manifest lists the artifacts; nothing outside of the directory is read); an archive
 *   as {@link makeArchiveSnapshot} and {@link makeArchiveTranscript} fill it, with a file `NAME.gz` for each artifact; or
 *   files by the artifacts' names.
 * @param dirPath  the directory that holds the store.
 * @throws (rejects) as there; also if the directory has no artifacts (`code` `ENOENT`) or its manifest is malformed.
 */
export function repopulateSwingStoreFromDirectory(
  directory: string,
  dirPath: string,
  options?: RepopulateOptions,
): Promise<RepopulationReport>;

/** Options of {@link pruneSwingStore}. */
export interface PruneOptions extends WorkOptions {
  /**
   * What stays: the spans and snapshots that an export in this mode carries; or a mode for each of the two, where
   * `debug` keeps all. What is current always stays.
   */
  keep:
    | ArtifactMode
    | {
        /** The mode for spans. */
        transcripts: ArtifactMode;
        /** The mode for snapshots. */
        snapshots: ArtifactMode;
      };

  /** The most items to delete in one transaction, which ends sooner if it takes long. Default: 1000. */
  budget?: number | undefined;

  /** The most items to delete in all, to the nearest whole span. Default: no limit. */
  limit?: number | undefined;

  /** Only find out what there is to delete. Default: false. */
  dryRun?: boolean | undefined;
}

/** What {@link pruneSwingStore} has deleted or, with `dryRun`, would delete. */
export interface PruneReport {
  /** How many spans have no items any more. */
  readonly spans: number;
  /** How many items were deleted. */
  readonly items: number;
  /** How many snapshots lost their contents. */
  readonly snapshots: number;
  /** How many bytes these contents had, compressed. */
  readonly snapshotBytes: number;
  /** Whether nothing is left to delete; false if `limit` was reached. */
  readonly done: boolean;
  /** What the file takes up now. */
  readonly space: StoreSpace;
  /** How the lock was held and waited for. */
  readonly locking: LockingReport;
}

/**
 * Deletes the items of historical spans, and the contents of historical snapshots. Their records stay, with the hashes: the
 * export data does not change, and {@link repopulateSwingStore} can fill them in again.
 *
 * **A kernel may be running on the store meanwhile**, as there. The oldest items go first, in small transactions. However
 * the work ends, what is left of each vat is the younger part of its history, without gaps; another call goes on. The file
 * gets no smaller: see {@link reclaimSwingStoreSpace}.
 *
 * Progress counts spans and snapshots. After an abort what was pruned stays so, and another call goes on.
 *
 * @param dirPath  the directory that holds the store.
 * @throws (rejects) as {@link repopulateSwingStore}; if an option is missing or has the wrong type.
 */
export function pruneSwingStore(dirPath: string, options: PruneOptions): Promise<PruneReport>;

/** Options of {@link reclaimSwingStoreSpace}. */
export interface ReclaimOptions extends WorkOptions {
  /**
   * `rewrite`: write the whole file anew (`VACUUM`), which nobody else may have open meanwhile. `incremental`: cut off free
   * pages in small transactions, beside a kernel; only for a file that was made with `auto_vacuum`, which this package and
   * `@agoric/swing-store` don't do.
   */
  method?: 'rewrite' | 'incremental' | undefined;

  /** Only look; then there need not be a `method`. Default: false. */
  dryRun?: boolean | undefined;
}

/** What {@link reclaimSwingStoreSpace} has done. */
export interface ReclaimReport {
  /** What the file took up before. */
  readonly before: StoreSpace;
  /** What it takes up now. */
  readonly after: StoreSpace;
  /** How the lock was held and waited for, with `incremental`. */
  readonly locking: LockingReport;
}

/**
 * Gives space that pruning has freed inside of the file back to the file system. Most stores need not: SQLite uses free
 * pages again.
 *
 * Rewriting reads and writes everything twice, and needs room for it as often: in SQLite's temporary directory
 * (`SQLITE_TMPDIR`, `TMPDIR`, `/var/tmp`), and beside the store. If it fails, is aborted or killed, the store is as it was.
 * The file's format stays as it is.
 *
 * @param dirPath  the directory that holds the store.
 * @throws (rejects) if somebody else has the store open, in this process or another (`code` `ERR_SWING_STORE_IN_USE`); if
 *   there is too little room (`ENOSPC`, or SQLite's `SQLITE_FULL`); if the method is not possible.
 */
export function reclaimSwingStoreSpace(dirPath: string, options: ReclaimOptions): Promise<ReclaimReport>;

/** The parts of `node:fs`, `node:path` and the package `tmp` that archiving needs. */
export interface ArchivePowers {
  /** Of `node:fs`. */
  fs: Pick<typeof import('node:fs'), 'createWriteStream' | 'mkdirSync' | 'renameSync'>;
  /** Of `node:path`. */
  path: Pick<typeof import('node:path'), 'join'>;
  /** Of `tmp`. */
  tmp: {
    /** Makes an empty file with a name of its own and opens it. */
    fileSync: (options: { tmpdir?: string; prefix?: string; postfix?: string; detachDescriptor?: boolean }) => {
      /** The file's path. */
      name: string;
      /** Its open descriptor. */
      fd: number;
      /** Removes it. */
      removeCallback: () => void;
    };
  };
}

/**
 * Powers for {@link makeArchiveSnapshot} and {@link makeArchiveTranscript} that let stores of this package write the
 * archives' files in native code, on other threads. Only this very object does; an object that is made of its parts is
 * used like any other powers. Whoever calls such an archiver as a function gets its file written by Node.js.
 */
export const nativeArchivePowers: ArchivePowers;

/**
 * Makes an `archiveSnapshot` callback that keeps each snapshot as `{dirPath}/{name}.gz`. A file has that name only once
 * it is whole.
 *
 * The powers are used as they are given. With {@link nativeArchivePowers}, a store of this package that is given this very
 * callback does not call it, but writes the file itself, on another thread.
 *
 * @throws if the directory cannot be made. The callback rejects if a file cannot be written.
 */
export function makeArchiveSnapshot(dirPath: string, powers: ArchivePowers): SnapshotCallback;

/**
 * Makes an `archiveTranscript` callback that keeps each span as `{dirPath}/{spanName}.gz`. A file has that name only
 * once it is whole.
 *
 * The powers are used as they are given. With {@link nativeArchivePowers}, a store of this package that is given this very
 * callback does not call it, but writes the file itself: the items go from the database to the file on another thread.
 *
 * @throws if the directory cannot be made. The callback rejects if a file cannot be written.
 */
export function makeArchiveTranscript(dirPath: string, powers: ArchivePowers): TranscriptCallback;

/** Options of {@link archiveSwingStore}. */
export interface ArchiveSwingStoreOptions extends WorkOptions {
  /**
   * Which spans and snapshots to archive. `debug` takes all that there are. Any other mode takes those that an export in it
   * has, and fails if one is missing. Default: `debug`.
   */
  artifactMode?: ArtifactMode | undefined;

  /**
   * Whether to archive current spans, too, as they are at the last commit. They go on growing, and have another name once
   * they have. Default: `false`.
   */
  currentSpans?: boolean | undefined;

  /** Whether to compare files that are there already with the store, and to replace those that differ. Default: `false`. */
  checkExisting?: boolean | undefined;
}

/** What {@link archiveSwingStore} has done. */
export interface ArchivedSwingStore {
  /** How many files were written. */
  readonly written: number;
  /** How many of them took the place of a file that was not what it should be. */
  readonly replaced: number;
  /** How many files were there already, and left alone. */
  readonly existing: number;
  /** How many artifacts have a name that no file can have, and were left out. */
  readonly unnamable: number;
  /** How many bytes were written, compressed. */
  readonly bytes: number;
}

/**
 * Writes the spans and snapshots that a store has to a directory, each as `{archiveDir}/{name}.gz`, as the callbacks of
 * {@link makeArchiveTranscript} and {@link makeArchiveSnapshot} do when they come into being. Files that are there already
 * are left alone: doing it again completes what was interrupted, and adds what is new. A kernel may be running on the store
 * meanwhile, and archiving to the same directory.
 *
 * A file has its name only once it is whole and on the disk; files that are finished stay when the work fails or is
 * aborted. Progress counts files, and bytes before they are compressed (of snapshots, after).
 *
 * @param dirPath  the directory that holds the store.
 * @param archiveDir  the directory to write to, made if need be. It must not be the store's own.
 * @throws (rejects) if the store lacks something that the mode asks for; if a file cannot be written.
 */
export function archiveSwingStore(
  dirPath: string,
  archiveDir: string,
  options?: ArchiveSwingStoreOptions,
): Promise<ArchivedSwingStore>;

// ---------------------------------------------------------------------------------------------------------------------
// Sub-stores over a database, and helpers
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A key-value store over a database, for tools.
 *
 * @param db  a {@link Database}, or an in-memory handle of better-sqlite3 (see {@link ForeignDatabase}).
 * @param ensureTxn  is called before each write; it should begin a transaction if none is open.
 * @param trace  is called after each write with `'set'`, key and value, or `'del'` and key.
 */
export function makeKVStore(
  db: Database | ForeignDatabase,
  ensureTxn: () => void,
  trace: (...args: string[]) => void,
): KVStore;

/**
 * A transcript store over a database, for tools.
 *
 * @param db  a {@link Database}, or an in-memory handle of better-sqlite3 (see {@link ForeignDatabase}).
 * @param ensureTxn  is called before each write; it should begin a transaction if none is open.
 * @param noteExport  is told each change to the export data; `undefined` for a deletion.
 */
export function makeTranscriptStore(
  db: Database | ForeignDatabase,
  ensureTxn: () => void,
  noteExport?: (key: string, value: string | undefined) => void,
  options?: Pick<SwingStoreOptions, 'keepTranscripts' | 'archiveTranscript'>,
): TranscriptStore & TranscriptStoreInternal & TranscriptStoreDebug;

/**
 * A snapshot store over a database, for tools.
 *
 * @param db  a {@link Database}, or an in-memory handle of better-sqlite3 (see {@link ForeignDatabase}).
 * @param ensureTxn  is called before each write; it should begin a transaction if none is open.
 * @param io  see {@link makeSnapStoreIO}.
 * @param noteExport  is told each change to the export data; `undefined` for a deletion.
 */
export function makeSnapStore(
  db: Database | ForeignDatabase,
  ensureTxn: () => void,
  io: SnapStoreIO,
  noteExport?: (key: string, value: string | undefined) => void,
  options?: Pick<SwingStoreOptions, 'keepSnapshots' | 'archiveSnapshot'>,
): SnapStore & SnapStoreInternal & SnapStoreDebug;

/** A clock for {@link makeSnapStore}. */
export function makeSnapStoreIO(): SnapStoreIO;

/**
 * A bundle store over a database, for tools.
 *
 * @param db  a {@link Database}, or an in-memory handle of better-sqlite3 (see {@link ForeignDatabase}).
 * @param ensureTxn  is called before each write; it should begin a transaction if none is open.
 * @param noteExport  is told each change to the export data; `undefined` for a deletion.
 */
export function makeBundleStore(
  db: Database | ForeignDatabase,
  ensureTxn: () => void,
  noteExport?: (key: string, value: string | undefined) => void,
): BundleStore & BundleStoreInternal & BundleStoreDebug;

/**
 * The bundle ID in an artifact name: `b1-…` for `bundle.b1-…`.
 *
 * @throws if `name` is not of that form.
 */
export function bundleIDFromName(name: string): string;

/**
 * Who a key belongs to, by how it begins: `host.`, `local.`, or anything else (`consensus`).
 *
 * @throws if `key` is not a string.
 */
export function getKeyType(key: string): KVStoreKeyType;

/** {@link getKeyType}, by the name that it has in later versions of `@agoric/swing-store`. */
export function getKVStoreKeyType(key: string): KVStoreKeyType;

// ---------------------------------------------------------------------------------------------------------------------
// The database
// ---------------------------------------------------------------------------------------------------------------------

/** What a statement that returns no rows came to. */
export interface RunResult {
  /** How many rows it inserted, changed or deleted. */
  changes: number;
  /** The rowid of the row that was inserted last on this connection. */
  lastInsertRowid: number | bigint;
}

/** One column of a statement's result. */
export interface ColumnDefinition {
  /** Its name in the result. */
  name: string;
  /** The column of a table that it comes from; `null` for an expression. */
  column: string | null;
  /** The table that it comes from; `null` for an expression. */
  table: string | null;
  /** The database that it comes from; `null` for an expression. */
  database: string | null;
  /** The type that the table declares for it; `null` for an expression. */
  type: string | null;
}

/**
 * A prepared statement.
 *
 * Parameters are given in order, as arguments or arrays of them, for `?`; by name, in an object, for `:x`, `@x` and
 * `$x`; or both. A value is a string, a number, a bigint, `null` or bytes.
 *
 * Its methods throw if a parameter is missing, is one too many or cannot be stored; if the statement is of the other
 * kind (`run` is for those without rows, `get`, `all` and `iterate` for those with); if the database is closed; and
 * whenever SQLite does.
 */
export interface Statement<BindParameters extends unknown[] = unknown[], Result = unknown> {
  /** The database that it belongs to. */
  readonly database: Database;
  /** Its SQL. */
  readonly source: string;
  /** Does it return rows? */
  readonly reader: boolean;
  /** Does it leave the database as it is? */
  readonly readonly: boolean;
  /** Are its rows being iterated over? */
  readonly busy: boolean;

  /** Executes a statement that returns no rows. */
  run(...params: BindParameters): RunResult;
  /** The first row, or `undefined` if there is none. */
  get(...params: BindParameters): Result | undefined;
  /** All rows. */
  all(...params: BindParameters): Result[];
  /** The rows one by one. Leaving a `for` loop early ends the query. */
  iterate(...params: BindParameters): IterableIterator<Result>;
  /** From now on (or no longer, if `false`) return the first column instead of a row. Returns this statement. */
  pluck(toggleState?: boolean): this;
  /** From now on (or no longer, if `false`) return rows as arrays instead of objects. Returns this statement. */
  raw(toggleState?: boolean): this;
  /** The columns of the result. */
  columns(): ColumnDefinition[];

  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  bind(...params: unknown[]): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  expand(toggleState?: boolean): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  safeIntegers(toggleState?: boolean): never;
}

/**
 * The parameters of a function, in the form in which better-sqlite3's types have them.
 *
 * @typeParam F  the function's own type
 */
type ArgumentsOf<F extends (...params: any[]) => unknown> = F extends (...args: infer A) => unknown ? A : never;

/**
 * A function that runs inside a transaction: committed when it returns, rolled back when it throws. Inside another
 * transaction it is a savepoint of that one. The variants say how the transaction begins; plain calls are `deferred`.
 *
 * @typeParam F  the function's own type
 */
export interface Transaction<F extends (...params: any[]) => unknown> {
  (...params: ArgumentsOf<F>): ReturnType<F>;
  /** The plain call. */
  default(...params: ArgumentsOf<F>): ReturnType<F>;
  /** Takes no lock until the first statement needs one. */
  deferred(...params: ArgumentsOf<F>): ReturnType<F>;
  /** Takes the write lock at once. */
  immediate(...params: ArgumentsOf<F>): ReturnType<F>;
  /** Takes the write lock at once, as `immediate` does in WAL mode. */
  exclusive(...params: ArgumentsOf<F>): ReturnType<F>;
}

/** Options of a pragma call. */
export interface PragmaOptions {
  /** Return the first column of the first row alone. Default: false. */
  simple?: boolean | undefined;
}

/** Options of {@link Database}. */
export interface DatabaseOptions {
  /** Open for reading alone. Default: false. */
  readonly?: boolean | undefined;
  /** Throw where there is no file, instead of making one. Default: false. */
  fileMustExist?: boolean | undefined;
  /** How many milliseconds to wait for another connection's lock before giving up with `SQLITE_BUSY`. Default: 5000. */
  timeout?: number | undefined;
  /** better-sqlite3's option, which this package refuses: statements are not reported. */
  verbose?: undefined;
  /** better-sqlite3's binary. It is ignored, since this package has its own. */
  nativeBinding?: string | undefined;
}

/**
 * A connection to a SQLite database, with the part of better-sqlite3's interface that tools around swing-stores use. It fits
 * better-sqlite3's type of the same name.
 *
 * Do not open one file with this and with another SQLite library in the same process: file locks belong to processes, and
 * the one library's `close` removes the other's. A file that another one has open is refused
 * (`ERR_SWING_STORE_OTHER_LIBRARY`).
 */
export interface Database {
  /** Is the database in memory, or a temporary one? */
  readonly memory: boolean;
  /** Was it opened for reading alone? */
  readonly readonly: boolean;
  /** The file name as given; `:memory:` for one in memory. */
  readonly name: string;
  /** `false` once it is closed. */
  readonly open: boolean;
  /** Is a transaction open? */
  readonly inTransaction: boolean;

  /**
   * Compiles one SQL statement.
   *
   * @throws if it is not valid, not just one, or the database is closed.
   */
  prepare<BindParameters extends unknown[] | {} = unknown[], Result = unknown>(
    source: string,
  ): BindParameters extends unknown[] ? Statement<BindParameters, Result> : Statement<[BindParameters], Result>;

  /**
   * Wraps a function in a transaction; see {@link Transaction}.
   *
   * @typeParam F  the function's own type
   * @throws if `fn` is not a function.
   */
  transaction<F extends (...params: any[]) => unknown>(fn: F): Transaction<F>;

  /**
   * Executes any number of SQL statements and drops their results. Returns this database.
   *
   * @throws at the first that fails; those before it stay done.
   */
  exec(source: string): this;

  /**
   * Executes a pragma, given without the word `PRAGMA`.
   *
   * @returns its rows as objects, or with `simple` the one value.
   */
  pragma(source: string, options?: PragmaOptions): unknown;

  /** The whole database as bytes, from which `new Database(bytes)` makes one in memory. */
  serialize(options?: { attached?: 'main' | undefined }): Buffer;

  /** Closes the connection; an open transaction is rolled back. Once closed, it does nothing. Returns this database. */
  close(): this;

  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  function(name: string, ...rest: unknown[]): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  aggregate(name: string, options: unknown): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  table(name: string, options: unknown): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  backup(destinationFile: string, options?: unknown): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  loadExtension(path: string): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  defaultSafeIntegers(toggleState?: boolean): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  unsafeMode(unsafe?: boolean): never;
}

/**
 * What the `make…Store` functions need of a handle of better-sqlite3, whose type this fits. It must be in memory: one on
 * a file is refused. Its contents move into a {@link Database}, and its methods are those of that database from then on, so
 * that its owner and the sub-store see the same rows in the same transaction.
 */
export interface ForeignDatabase {
  /** Is it in memory? If not, it is refused. */
  readonly memory: boolean;
  /** Is a transaction open? The first sub-store over a handle must be made before. */
  readonly inTransaction: boolean;
  /** Compiles one SQL statement. Statements that were prepared before the first sub-store was made fail afterwards. */
  prepare(source: string): unknown;
  /** Executes SQL statements. */
  exec(source: string): unknown;
  /** Executes a pragma. */
  pragma(source: string): unknown;
  /** All of it as bytes. */
  serialize(): Uint8Array;
  /** Closes it, and the database that it was moved to. */
  close(): unknown;
}

/** The type of {@link Database} as a value: a class that may also be called as a function. */
export interface DatabaseConstructor {
  /**
   * @param filenameOrBuffer  a file, made if need be; `:memory:` (or nothing, or an empty string) for a database that
   *   lasts as long as the connection; or the bytes of a database (see `serialize`) to work on in memory.
   * @throws if the file cannot be opened, or an option is unknown or of the wrong type.
   */
  new (filenameOrBuffer?: string | Buffer, options?: DatabaseOptions): Database;
  /** The same without `new`. */
  (filenameOrBuffer?: string | Buffer, options?: DatabaseOptions): Database;
  /** What `instanceof` looks for. */
  readonly prototype: Database;
}

/** Opens SQLite databases; the same with and without `new`. */
export const Database: DatabaseConstructor;
