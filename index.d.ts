/**
 * Types of swing-store-native.
 *
 * A swing-store has three kinds of users: the *host* (the program around the kernel, which decides when a block is
 * committed), the *kernel* (which reads and writes state while it runs cranks) and *tools* (which export, import and
 * inspect stores). The types below are grouped in the same way.
 *
 * Every method is a closure: it can be taken out of its object and called without `this`.
 *
 * Unless a comment says otherwise, methods throw (or reject with) an `Error` with the message of `@agoric/swing-store`.
 * The error may have a `code`; see {@link SwingStoreError}.
 *
 * Functions that `@agoric/swing-store` also has ignore unknown options, as it does. All other functions throw (or
 * reject) before they do anything if an option is unknown or has the wrong type. The `code` is
 * `ERR_SWING_STORE_ARGUMENT`, and the message suggests an option with a similar name.
 */

/// <reference types="node" />

// ---------------------------------------------------------------------------------------------------------------------
// Common types
// ---------------------------------------------------------------------------------------------------------------------

/** A sequence that `for await` can iterate over: synchronous or asynchronous. */
export type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

/** A function that wraps a value and returns one of the same type. */
export type Replacer<T> = (input: T) => T;

/**
 * How much history an operation covers. Each mode includes everything that the previous one includes.
 *
 * - `operational`: what a kernel needs to run: the current span and the snapshot in use of each vat, and all bundles.
 * - `replay`: also every span of each vat's current incarnation.
 * - `archival`: also every span of earlier incarnations.
 * - `debug`: everything that is stored, including data of terminated vats. An export does not check completeness.
 */
export type ArtifactMode = 'operational' | 'replay' | 'archival' | 'debug';

/**
 * The mode of a completeness check: any {@link ArtifactMode} except `debug`. The type accepts any string, because it is
 * compatible with that of `@agoric/swing-store`; an invalid mode throws when it is used.
 */
export type CheckMode = Omit<ArtifactMode, 'debug'>;

/**
 * An entry of the export data: a key and its value. If the value is `null`, `undefined` or missing, the key was
 * deleted.
 */
export type KVPair = readonly [key: string, value?: string | null | undefined];

/** The codes that only this package has, and `ABORT_ERR`. `docs/reference/errors.md` explains them. */
export type SwingStoreErrorCode =
  | 'ABORT_ERR'
  | 'ERR_SWING_STORE_ADDON'
  | 'ERR_SWING_STORE_ARGUMENT'
  | 'ERR_SWING_STORE_CLOSED'
  | 'ERR_SWING_STORE_CRANK'
  | 'ERR_SWING_STORE_EXPORT_DATA'
  | 'ERR_SWING_STORE_HEIGHT'
  | 'ERR_SWING_STORE_INCOMPLETE'
  | 'ERR_SWING_STORE_INTERNAL'
  | 'ERR_SWING_STORE_INVALID'
  | 'ERR_SWING_STORE_IN_USE'
  | 'ERR_SWING_STORE_KEY'
  | 'ERR_SWING_STORE_MANIFEST'
  | 'ERR_SWING_STORE_NAME'
  | 'ERR_SWING_STORE_NOT_FOUND'
  | 'ERR_SWING_STORE_OPEN'
  | 'ERR_SWING_STORE_OTHER_LIBRARY'
  | 'ERR_SWING_STORE_OVERTAKEN'
  | 'ERR_SWING_STORE_REMOTE'
  | 'ERR_SWING_STORE_REUSE'
  | 'ERR_SWING_STORE_SCHEMA'
  | 'ERR_SWING_STORE_TORN';

/** An error of this package. */
export interface SwingStoreError extends Error {
  /**
   * A short, stable name for the cause: a {@link SwingStoreErrorCode}; SQLite's name of its result code, such as
   * `SQLITE_BUSY`; or the system's name of an error, such as `ENOENT`. Some errors have no code.
   */
  code?: SwingStoreErrorCode | `SQLITE_${string}` | (string & {});
}

// ---------------------------------------------------------------------------------------------------------------------
// The key-value store
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A map from strings to strings. Keys are ordered by their UTF-8 bytes. Keys with the prefix `host.` belong to the
 * host, keys with the prefix `local.` to the kernel on this machine. All other keys are part of consensus.
 */
export interface KVStore {
  /**
   * Whether the key has a value.
   *
   * @throws if `key` is not a string.
   */
  has: (key: string) => boolean;

  /**
   * Returns the value of the key, or `undefined` if there is none.
   *
   * @throws if `key` is not a string.
   */
  get: (key: string) => string | undefined;

  /**
   * Returns the first key after `previousKey`, or `undefined` if there is none. `previousKey` itself need not exist.
   *
   * @throws if `previousKey` is not a string.
   */
  getNextKey: (previousKey: string) => string | undefined;

  /**
   * Sets the value of a key. The kernel's store rejects `host.` keys; the host's store rejects all others.
   *
   * @param bypassHash  is ignored; it exists for compatibility.
   * @throws if an argument is not a string, or the store does not allow the key.
   */
  set: (key: string, value: string, bypassHash?: boolean) => void;

  /**
   * Deletes a key. Does nothing if the key does not exist.
   *
   * @throws if `key` is not a string, or the store does not allow the key.
   */
  delete: (key: string) => void;
}

/** The owner of a key; see {@link getKeyType}. */
export type KVStoreKeyType = 'consensus' | 'local' | 'host';

// ---------------------------------------------------------------------------------------------------------------------
// Transcripts
// ---------------------------------------------------------------------------------------------------------------------

/** The position of a transcript span, and the hash of its items. */
export interface SpanBounds {
  /** The position of the first item. */
  startPos: number;
  /** The end position, exclusive; equal to `startPos` if the span is empty. */
  endPos: number;
  /** The cumulative SHA-256 of the items, in hex. */
  hash: string;
  /** The number of upgrades of the vat before this span. */
  incarnation: number;
}

/** The progress of a gradual deletion. */
export interface DeletionProgress {
  /** Whether everything is deleted. */
  done: boolean;
  /** The number of records that this call deleted. */
  cleanups: number;
}

/** The kernel's interface to transcripts. Each vat has a list of items, which is divided into spans. */
export interface TranscriptStore {
  /**
   * Starts the transcript of a new vat, with an empty span at position 0 in incarnation 0.
   *
   * @throws if the vat already has a transcript.
   */
  initTranscript: (vatID: string) => void;

  /**
   * Ends the current span and starts an empty one in the same incarnation. The store has changed when the call returns;
   * the promise also waits for the `archiveTranscript` callback.
   *
   * @returns a promise of the incarnation number.
   */
  rolloverSpan: (vatID: string) => Promise<number>;

  /**
   * Ends the current span and starts an empty one in a new incarnation, for an upgrade of the vat. The store has
   * changed when the call returns; the promise also waits for the `archiveTranscript` callback.
   *
   * @returns a promise of the new incarnation number.
   */
  rolloverIncarnation: (vatID: string) => Promise<number>;

  /**
   * Returns the bounds of the current span.
   *
   * @throws if the vat has no current span.
   */
  getCurrentSpanBounds: (vatID: string) => SpanBounds;

  /**
   * Ends the current span without starting another: the first step of deleting a vat. Does nothing if there is no
   * current span.
   */
  stopUsingTranscript: (vatID: string) => Promise<void>;

  /**
   * Deletes the spans and items of a vat, newest first.
   *
   * @param budget  the maximum number of spans to delete. Default: no limit.
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
   * Returns the items of a span in order, as they are at the time of the call.
   *
   * @param startPos  the start position of the span. Default: that of the current span.
   * @throws immediately if there is no such span; at the end of the iteration if items are missing.
   */
  readSpan: (vatID: string, startPos?: number) => IterableIterator<string>;
}

/** The methods for export, import and repair of transcripts. */
export interface TranscriptStoreInternal {
  /**
   * Returns the bytes of the span artifact `transcript.{vatID}.{startPos}.{endPos}`: each item followed by a newline.
   *
   * @throws if the name is malformed or there is no such span.
   */
  exportSpan: (name: string) => AsyncIterableIterator<Uint8Array>;

  /** Returns the export data records of the current spans, or of all spans if `includeHistorical` is true. */
  getExportRecords: (includeHistorical: boolean) => IterableIterator<readonly [key: string, value: string]>;

  /** Returns the names of the span artifacts that a mode includes. */
  getArtifactNames: (artifactMode: ArtifactMode) => AsyncIterableIterator<string>;

  /**
   * Adds the record of a span, without its items.
   *
   * @param key  `transcript.{vatID}.{startPos}` or `transcript.{vatID}.current`.
   * @param value  the record as JSON.
   * @throws if a field is missing, the key does not match the record, or the record exists.
   */
  importTranscriptSpanRecord: (key: string, value: string) => void;

  /**
   * Adds the items of a span from its artifact. Does nothing if `artifactMode` does not include the span.
   *
   * @throws (rejects) if the span has no record, or its length or hash does not match the record.
   */
  populateTranscriptSpan: (
    name: string,
    makeChunkIterator: () => AnyIterable<Uint8Array>,
    options: { artifactMode: ArtifactMode },
  ) => Promise<void>;

  /**
   * Checks that every span that the mode includes has all its items.
   *
   * @throws if one does not.
   */
  assertComplete: (checkMode: CheckMode) => void;

  /**
   * Adds the record of a span if it is missing.
   *
   * @throws if there is a different record.
   */
  repairTranscriptSpanRecord: (key: string, value: string) => void;

  /** Returns all stored items of a vat, of every incarnation, in order. */
  readFullVatTranscript: (vatID: string) => Iterable<{
    /** The position of the item in the vat's transcript. */
    position: number;
    /** The item as it was added. */
    item: string;
  }>;
}

/** The methods for `debug.dump`. */
export interface TranscriptStoreDebug {
  /**
   * Returns items by vat and position: of the current spans, or of all spans if `includeHistorical` is true (the
   * default).
   */
  dumpTranscripts: (includeHistorical?: boolean) => { [vatID: string]: { [position: number]: string } };
}

/**
 * A callback that receives the items of each span that ends.
 *
 * @param spanName  `transcript.{vatID}.{startPos}.{endPos}`.
 * @param entries  the items, each followed by a newline.
 */
export type TranscriptCallback = (spanName: string, entries: AnyIterable<Uint8Array>) => Promise<void>;

// ---------------------------------------------------------------------------------------------------------------------
// Snapshots
// ---------------------------------------------------------------------------------------------------------------------

/** The result of saving a snapshot. */
export interface SnapshotResult {
  /** The SHA-256 of the uncompressed heap image, in hex. */
  hash: string;
  /** The uncompressed size in bytes. */
  uncompressedSize: number;
  /** The stored size in bytes. */
  compressedSize: number;
  /** The seconds that reading the stream, hashing and compressing took. */
  compressSeconds: number;
  /** The seconds that writing to the database took. */
  dbSaveSeconds: number;
  /** The seconds that the `archiveSnapshot` callback took; absent or `undefined` without one. */
  archiveWriteSeconds?: number;
}

/** The record of the snapshot that a vat uses. */
export interface SnapshotInfo {
  /** The position of the snapshot in the transcript. */
  snapPos: number;
  /** The SHA-256 of the uncompressed heap image, in hex. */
  hash: string;
  /** The uncompressed size in bytes. */
  uncompressedSize: number;
  /** The stored size in bytes. */
  compressedSize: number;
}

/** The kernel's interface to heap snapshots. At most one snapshot of each vat is in use. */
export interface SnapStore {
  /**
   * Returns the heap image of the snapshot in use. Its hash is checked while it is read.
   *
   * @throws at the first step if the vat has no snapshot in use, at the last if the hash does not match.
   */
  loadSnapshot: (vatID: string) => AsyncIterableIterator<Uint8Array>;

  /**
   * Stores a heap image, which becomes the snapshot in use. The previous snapshot becomes historical; its image is
   * deleted unless the store was opened with `keepSnapshots`.
   *
   * @param snapPos  the position of the snapshot in the transcript.
   * @throws (rejects, without changing the store) if the stream throws or yields something other than bytes.
   */
  saveSnapshot: (vatID: string, snapPos: number, snapshotStream: AsyncIterable<Uint8Array>) => Promise<SnapshotResult>;

  /** Deletes the records of all snapshots that are not in use, for all vats. The export data is not updated. */
  deleteAllUnusedSnapshots: () => void;

  /**
   * Deletes the snapshots of a vat, newest first.
   *
   * @param budget  the maximum number of snapshots to delete. Default: no limit.
   * @throws if `budget` is less than 1.
   */
  deleteVatSnapshots: (vatID: string, budget?: number) => DeletionProgress;

  /** Makes the snapshot in use historical, as `saveSnapshot` does, without a replacement. */
  stopUsingLastSnapshot: (vatID: string) => void;

  /**
   * Returns the record of the snapshot in use, or `undefined` if there is none. The declared type omits `undefined` for
   * compatibility with `@agoric/swing-store`, so check the result.
   */
  getSnapshotInfo: (vatID: string) => SnapshotInfo;
}

/** The methods for export, import and repair of snapshots. */
export interface SnapStoreInternal {
  /**
   * Returns the uncompressed heap image of the snapshot artifact `snapshot.{vatID}.{snapPos}`.
   *
   * @throws immediately if the name is malformed, or the image is not stored.
   */
  exportSnapshot: (name: string) => AsyncIterableIterator<Uint8Array>;

  /** Returns the export data records of the snapshots in use, or of all snapshots if `includeHistorical` is true. */
  getExportRecords: (includeHistorical: boolean) => IterableIterator<readonly [key: string, value: string]>;

  /** Returns the names of the snapshot artifacts that a mode includes and the store has. */
  getArtifactNames: (artifactMode: ArtifactMode) => AsyncIterableIterator<string>;

  /**
   * Adds the record of a snapshot, without its heap image.
   *
   * @param key  `snapshot.{vatID}.{snapPos}`; `snapshot.{vatID}.current` is ignored.
   * @param value  the record as JSON.
   * @throws if a field is missing, or the record exists.
   */
  importSnapshotRecord: (key: string, value: string) => void;

  /**
   * Adds the heap image of a snapshot from its artifact. Ignores historical snapshots unless the mode is `debug`.
   *
   * @throws (rejects) if the snapshot has no record, or the hash does not match the record.
   */
  populateSnapshot: (
    name: string,
    makeChunkIterator: () => AnyIterable<Uint8Array>,
    options: { artifactMode: ArtifactMode },
  ) => Promise<void>;

  /**
   * Checks that every snapshot in use has its heap image.
   *
   * @throws if one does not.
   */
  assertComplete: (checkMode: CheckMode) => void;

  /**
   * Adds the record of a snapshot if it is missing.
   *
   * @throws if there is a different record.
   */
  repairSnapshotRecord: (key: string, value: string) => void;
}

/** A row of the snapshots table, without the heap image. */
export interface SnapshotRow {
  /** The ID of the vat. */
  vatID: string;
  /** The position of the snapshot in the transcript. */
  snapPos: number;
  /** The SHA-256 of the uncompressed heap image, in hex. */
  hash?: string;
  /** 1 for the snapshot in use, otherwise `null`. */
  inUse?: number | null;
  /** The uncompressed size in bytes; `null` if the record was imported without its image. */
  uncompressedSize: number;
  /** The stored size in bytes; `null` if the record was imported without its image. */
  compressedSize: number;
}

/** A snapshot in a dump. */
export interface SnapshotDump {
  /** The position of the snapshot in the transcript. */
  snapPos: number;
  /** The SHA-256 of the uncompressed heap image, in hex. */
  hash: string;
  /** The heap image, compressed with gzip; `null` if it is not stored. */
  compressedSnapshot: Buffer;
  /** 1 for the snapshot in use, otherwise 0. */
  inUse: null | 0 | 1;
}

/** The methods for tests and tools. */
export interface SnapStoreDebug {
  /** Whether the vat has a snapshot with this hash. */
  hasHash: (vatID: string, hash: string) => boolean;
  /** Returns all records, by vat and position. */
  listAllSnapshots: () => Iterable<SnapshotRow>;
  /** Returns snapshots by vat: those in use, or all if `includeHistorical` is true (the default). */
  dumpSnapshots: (includeHistorical?: boolean) => Record<string, SnapshotDump[]>;
  /** Deletes the record with this hash. The export data is not updated. */
  deleteSnapshotByHash: (vatID: string, hash: string) => void;
}

/**
 * A callback that receives each saved snapshot.
 *
 * @param name  `snapshot.{vatID}.{snapPos}`.
 * @param compressedData  the heap image, compressed with gzip: bytes, or a sequence of chunks.
 */
export type SnapshotCallback = (name: string, compressedData: Uint8Array | AnyIterable<Uint8Array>) => Promise<void>;

/** Runs a function and measures its duration in seconds. */
export type MeasureSeconds = <T>(fn: () => Promise<T>) => Promise<{
  /** The result of the function's promise. */
  result: T;
  /** The seconds until the promise resolved. */
  duration: number;
}>;

/** The external functions that a snapshot store needs: a clock. */
export interface SnapStoreIO {
  /** Measures a step of `saveSnapshot`. */
  measureSeconds: MeasureSeconds;
}

// ---------------------------------------------------------------------------------------------------------------------
// Bundles
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A script whose completion value is a function that returns the module's exports. Bundle stores reject this format.
 */
export type GetExportBundle = {
  /** The format of the bundle. */
  moduleFormat: 'getExport';
  /** The script. */
  source: string;
  /** Its source map. */
  sourceMap?: string;
};

/** A script that contains its modules. Its ID is `b0-` and the SHA-256 of the bundle as JSON, in hex. */
export type NestedEvaluateBundle = {
  /** The format of the bundle. */
  moduleFormat: 'nestedEvaluate';
  /** The script. */
  source: string;
  /** Its source map. */
  sourceMap?: string;
};

/** A zip archive of modules. Its ID is `b1-` and the SHA-512 of the archive's compartment map, in hex. */
export type EndoZipBase64Bundle = {
  /** The format of the bundle. */
  moduleFormat: 'endoZipBase64';
  /** The archive in base64. */
  endoZipBase64: string;
  /** The SHA-512 of the archive's compartment map, in hex. */
  endoZipBase64Sha512: string;
};

/** Code for a vat or a worker. */
export type Bundle = EndoZipBase64Bundle | GetExportBundle | NestedEvaluateBundle;

/** The kernel's interface to bundles. The ID of a bundle is derived from its content. */
export interface BundleStore {
  /**
   * Stores a bundle.
   *
   * @throws if the ID does not match the content, its prefix does not match the format, or the bundle exists.
   */
  addBundle: (bundleID: string, bundle: Bundle) => void;

  /** Whether the content of this bundle is stored. */
  hasBundle: (bundleID: string) => boolean;

  /**
   * Returns a bundle.
   *
   * @throws if there is no such bundle, or its content is not stored.
   */
  getBundle: (bundleID: string) => Bundle;

  /** Deletes a bundle. Does nothing if there is none. */
  deleteBundle: (bundleID: string) => void;
}

/** The methods for export, import and repair of bundles. */
export interface BundleStoreInternal {
  /**
   * Returns the bytes of the bundle artifact `bundle.{bundleID}`: JSON for `b0-`, the archive for `b1-`.
   *
   * @throws at the first step if the name is malformed, or the content is not stored.
   */
  exportBundle: (name: string) => AsyncIterableIterator<Uint8Array>;

  /**
   * Checks that the record of a bundle exists.
   *
   * @throws if it does not.
   */
  repairBundleRecord: (key: string, value: string) => void;

  /**
   * Adds the record of a bundle, without its content.
   *
   * @param key  `bundle.{bundleID}`.
   * @param value  the ID.
   * @throws if key and value do not match, or the record exists.
   */
  importBundleRecord: (key: string, value: string) => void;

  /**
   * Adds the content of a bundle from its artifact, after checking it against the ID.
   *
   * @throws (rejects) if the bundle has no record, or the content does not match the ID.
   */
  importBundle: (name: string, dataProvider: () => Promise<Buffer>) => Promise<void>;

  /**
   * Checks that every bundle has its content.
   *
   * @throws if one does not.
   */
  assertComplete: (checkMode: CheckMode) => void;

  /** Returns the export data records of all bundles. */
  getExportRecords: () => IterableIterator<readonly [key: string, value: string]>;

  /** Returns the names of all bundle artifacts. */
  getArtifactNames: () => AsyncIterableIterator<string>;

  /** Returns the IDs of all bundles, in order. */
  getBundleIDs: () => IterableIterator<string>;
}

/** The methods for `debug.dump`. */
export interface BundleStoreDebug {
  /** Returns the content of bundles in base64, by ID. */
  dumpBundles: () => BundleDump;
}

/** The content of bundles in base64, by ID. */
export type BundleDump = { [bundleID: string]: string };

// ---------------------------------------------------------------------------------------------------------------------
// A store
// ---------------------------------------------------------------------------------------------------------------------

/** The kernel's interface to a store. Changes stay uncommitted until the host commits. */
export interface SwingStoreKernelStorage {
  /** Consensus keys and `local.` keys. */
  kvStore: KVStore;
  /** The deliveries to each vat. */
  transcriptStore: TranscriptStore;
  /** The heap snapshots of the vats' workers. */
  snapStore: SnapStore;
  /** The code of vats. */
  bundleStore: BundleStore;

  /**
   * Starts a crank: a unit of work that can be rolled back completely or in part.
   *
   * @throws if a crank is in progress.
   */
  startCrank: () => void;

  /**
   * Sets a savepoint in the crank, for `rollbackCrank`.
   *
   * @throws outside a crank.
   */
  establishCrankSavepoint: (savepoint: string) => void;

  /**
   * Reverts all changes in all sub-stores since the savepoint, and releases it and later savepoints.
   *
   * @throws outside a crank, or if there is no such savepoint.
   */
  rollbackCrank: (savepoint: string) => void;

  /**
   * Hashes the changes of consensus keys since `startCrank` or the last call, and chains the result into the
   * activityhash.
   *
   * @returns both hashes, in hex.
   */
  emitCrankHashes: () => {
    /** The SHA-256 of the changes. */
    crankhash: string;
    /** The SHA-256 of the previous activityhash and the crankhash. */
    activityhash: string;
  };

  /**
   * Ends the crank and passes its changes of the export data to the `exportCallback`.
   *
   * @throws outside a crank.
   */
  endCrank: () => void;

  /** Returns the activityhash in hex; empty before the first `emitCrankHashes`. */
  getActivityhash: () => string;
}

/** The result of `hostStorage.compactHistory`. */
export interface CompactHistoryReport {
  /** The number of spans that are now compressed completely. */
  readonly spans: number;
  /** The number of items that were compressed. */
  readonly items: number;
  /** The size of these items in bytes. */
  readonly itemBytes: number;
  /** The size of these items in bytes when compressed. */
  readonly compressedBytes: number;
  /** The number of spans that were left as they are because they lack items. */
  readonly incomplete: number;
  /** The artifact names of the spans that were left as they are because their items do not match their hash. */
  readonly damaged: readonly string[];
  /** Whether nothing is left to compress; false if `shouldGoOn` or a block ended the work. */
  readonly done: boolean;
}

/** The parts of a store whose calls are counted. */
export type MetricPart = 'kvStore' | 'transcriptStore' | 'snapStore' | 'bundleStore' | 'cranks' | 'commit' | 'other';

/** A number for each value of a metric's label. */
export type MetricByLabel<Label extends string> = Readonly<Record<Label, number>>;

/** Durations, counted by their length. */
export interface MetricHistogram {
  /** The number of durations. */
  readonly count: number;
  /** Their sum in seconds. */
  readonly sum: number;
  /** For each of several bounds in seconds, the number of durations up to it. */
  readonly buckets: readonly {
    /** The bound in seconds. */
    readonly le: number;
    /** The number of durations up to it. */
    readonly count: number;
  }[];
}

/** The metrics of an open store, as `hostStorage.metrics` returns them. Counters start at 0 when the store is opened. */
export interface RunningMetrics {
  /** Time of a commit in the store: writing the block's changes, and waiting for the disk. */
  readonly swing_store_commit_seconds: MetricHistogram;
  /** Calls of the addon by a part of the store, since its metrics were first requested. */
  readonly swing_store_calls_total: MetricByLabel<MetricPart>;
  /** Time in these calls; that of kvStore is estimated from every sixteenth. */
  readonly swing_store_call_seconds_total: MetricByLabel<MetricPart>;
  /** Reads of keys that the cache of values answered. */
  readonly swing_store_value_cache_hits_total: number;
  /** Reads of keys that called the addon. */
  readonly swing_store_value_cache_misses_total: number;
  /** Pages that SQLite found in the page cache of the store's connection. */
  readonly swing_store_page_cache_hits_total: number;
  /** Pages that SQLite read from the file or the log. */
  readonly swing_store_page_cache_misses_total: number;
  /** Pages that SQLite wrote before a commit because its page cache was full. */
  readonly swing_store_page_cache_spills_total: number;
  /** Memory of SQLite's page cache of the store's connection. */
  readonly swing_store_page_cache_bytes: number;
  /** Memory of changes that SQLite has not received, with what undoes them. */
  readonly swing_store_write_buffer_bytes: number;
  /** How often buffered entries were written to SQLite, at a commit or before. */
  readonly swing_store_write_buffer_flushes_total: number;
  /** Time of saving a heap snapshot, without its archiver. */
  readonly swing_store_snapshot_save_seconds: MetricHistogram;
  /** Size of the saved snapshots, uncompressed and compressed. */
  readonly swing_store_snapshot_save_bytes_total: MetricByLabel<'uncompressed' | 'compressed'>;
  /** Transcript spans that ended, by what the store does with their items. */
  readonly swing_store_ended_spans_total: MetricByLabel<'rows' | 'compressed' | 'deleted'>;
  /** Checkpoints of the log on another thread. */
  readonly swing_store_checkpoints_total: number;
  /** Time of these checkpoints. */
  readonly swing_store_checkpoint_seconds_total: number;
  /** Pages in the write-ahead log. */
  readonly swing_store_log_pages: number;
  /** Size of the file of the write-ahead log. */
  readonly swing_store_log_bytes: number;
  /** Size of the store's file, without its log. */
  readonly swing_store_file_bytes: number;
}

/** The host's interface to a store. */
export interface SwingStoreHostStorage {
  /** Keys with the prefix `host.`. All other keys can be read, but not written. */
  kvStore: KVStore;

  /**
   * Passes the remaining changes of the export data to `exportCallback`, and commits all changes since the last commit.
   *
   * @throws (rejects) if the disk fails (`code` `SQLITE_FULL`, `SQLITE_IOERR…`). The uncommitted changes are lost, even
   *   if `commit` is called again. In the unsafe fast mode, and in an import, nothing can be rolled back: every further
   *   write or commit fails with `ERR_SWING_STORE_TORN`. Close the store, and import again.
   */
  commit: () => Promise<void>;

  /**
   * Closes the store. Uncommitted changes are lost.
   *
   * @throws (rejects) with `db not initialized` if the store is closed.
   */
  close: () => Promise<void>;

  /**
   * Compresses historical spans, as {@link compactSwingStore} does, in this process and on this connection: in steps of a
   * few milliseconds, each with at most one transaction. Call it between blocks. If a block begins meanwhile, it ends
   * after the current step; another call continues. Every store of this package has this method.
   *
   * @param shouldGoOn  is called before each step; the work ends if it returns a falsy value.
   * @throws (rejects) in a crank, with uncommitted changes, and before the first commit of an import (`code`
   *   `ERR_SWING_STORE_CRANK`); if the disk fails; with the error that `shouldGoOn` throws.
   */
  compactHistory?: (shouldGoOn?: () => boolean) => Promise<CompactHistoryReport>;

  /**
   * Returns the size of the database file in bytes; 0 for a store in memory. Every store of this package has this
   * method.
   */
  diskUsage?: () => number;

  /**
   * Returns metrics of this store: commits, calls, caches, sizes. It takes half a millisecond, and can be called at any
   * time, also in a crank. Calls are measured from its first call on. Every store of this package has this
   * method.
   *
   * @throws if the store is closed (`db not initialized`).
   */
  metrics?: () => RunningMetrics;

  /**
   * Adds the records of transcript spans and snapshots that the exporter has and the store lacks, then closes the
   * exporter. Nothing is committed.
   *
   * @throws (rejects) if a record differs from the store's, or the store lacks the record of a bundle.
   */
  repairMetadata: (exporter: SwingStoreExporter) => Promise<void>;
}

/** The content of a store as plain objects, for comparisons in tests. */
export interface SwingStoreDebugDump {
  /** All keys, including `host.` and `local.` keys. */
  kvEntries: { [key: string]: string };
  /** Items by vat and position. */
  transcripts: { [vatID: string]: { [position: number]: string } };
  /** Snapshots by vat. */
  snapshots: { [vatID: string]: SnapshotDump[] };
  /** The content of bundles in base64, by ID. */
  bundles: BundleDump;
}

/** The interface for tests and tools. */
export interface SwingStoreDebugTools {
  /** Returns the content of the store as objects; without history if `includeHistorical` is false. */
  dump: (includeHistorical?: boolean) => SwingStoreDebugDump;

  /**
   * Returns the database as bytes, for the `serialized` option of another store.
   *
   * @throws if the store is not in memory.
   */
  serialize: () => Buffer;

  /** Returns the database of the store. It shows uncommitted changes. */
  getDatabase: () => Database;
}

/** The interface for this package's own tools. */
export interface SwingStoreInternal {
  /** The directory; `null` for a store in memory or opened with `asFile`. */
  dirPath: string | null;
  /** Whether the path is that of the database file. */
  asFile: boolean;
  /** The database of the store. */
  db: Database;
  /** All keys. Writes through it are neither hashed nor exported. */
  kvStore: KVStore;
  /** All methods for transcripts except the dump. */
  transcriptStore: TranscriptStore & TranscriptStoreInternal;
  /** All methods for snapshots except the dump. */
  snapStore: SnapStore & SnapStoreInternal & Omit<SnapStoreDebug, 'dumpSnapshots'>;
  /** All methods for bundles except the dump. */
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
  /** Interpret the path as that of the database file instead of its directory. Default: false. */
  asFile?: boolean | undefined;

  /** The initial content of a store in memory (see `debug.serialize`). The path must be `null`. */
  serialized?: Buffer | undefined;

  /** Disable the journal. Filling a new store is faster, but a crash may destroy the file. Default: false. */
  unsafeFastMode?: boolean | undefined;

  /** Open the database read-only. Default: false. */
  readonly?: boolean | undefined;

  /** A file to which every `set` and `delete` of a key is appended. */
  traceFile?: string | undefined;

  /** Keep the heap images of snapshots that are no longer in use. Default: false. */
  keepSnapshots?: boolean | undefined;

  /** Keep the items of spans that are no longer current. Default: true. */
  keepTranscripts?: boolean | undefined;

  /**
   * How to store the items of spans that end, and of historical spans that are imported: as `rows`, the reference's
   * format, or `compressed`, to about a tenth of their size, which only this package reads. Another thread compresses
   * the items of a span that has ended; the block's commit waits for it. If the spans that end in a block have more than
   * 32 MiB, some stay rows, for `hostStorage.compactHistory` or {@link compactSwingStore}. Default: `rows`.
   */
  historicalSpans?: 'rows' | 'compressed' | undefined;

  /** Receives each saved snapshot. `saveSnapshot` waits for it. */
  archiveSnapshot?: SnapshotCallback | undefined;

  /** Receives each span that ends. The rollover waits for it. */
  archiveTranscript?: TranscriptCallback | undefined;

  /**
   * Receives the changes of the export data at the end of a crank and at a commit: one entry per key, in key order,
   * with `null` for a deletion. It is not called if there are no changes.
   */
  exportCallback?: ((pendingExports: Iterable<[key: string, value: string | null]>) => void) | undefined;

  /** Wraps the key-value store; the store uses the returned object. */
  wrapKvStore?: Replacer<KVStore> | undefined;

  /** Wraps the transcript store; the store uses the returned object. */
  wrapTranscriptStore?: Replacer<TranscriptStore & TranscriptStoreInternal & TranscriptStoreDebug> | undefined;

  /** Wraps the snapshot store; the store uses the returned object. */
  wrapSnapStore?: Replacer<SnapStore & SnapStoreInternal & SnapStoreDebug> | undefined;

  /** Wraps the bundle store; the store uses the returned object. */
  wrapBundleStore?: Replacer<BundleStore & BundleStoreInternal & BundleStoreDebug> | undefined;
}

/**
 * Creates an empty store.
 *
 * @param path  a directory, which is created if necessary. **Its previous content is deleted.** `null` or absent: a
 *   store in memory.
 * @throws if the store to be deleted is open (`code` `ERR_SWING_STORE_IN_USE`); if `path` is neither a string nor
 *   nullish; if an option has the wrong type; if the file cannot be created.
 */
export function initSwingStore(path?: string | null, options?: SwingStoreOptions): SwingStore;

/**
 * Opens a store, or creates an empty one.
 *
 * @param path  the directory of the store.
 * @throws if `path` is not a string, an option has the wrong type, or the file is not a store or cannot be opened.
 */
export function openSwingStore(path: string, options?: SwingStoreOptions): SwingStore;

/**
 * Whether a directory contains a store, that is, a file `swingstore.sqlite`.
 *
 * @throws if `dirPath` is not a string.
 */
export function isSwingStore(dirPath: string): boolean;

// ---------------------------------------------------------------------------------------------------------------------
// Export and import
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A consistent view of a store for export. {@link makeSwingStoreExporter} creates one for a store on disk; it shows the
 * last commit before its creation, even if the store changes afterwards. A program may pass its own exporter, for a
 * directory or a network connection, to {@link importSwingStore}.
 */
export interface SwingStoreExporter {
  /**
   * Returns the value of a `host.` key, or `undefined`.
   *
   * @throws if the key is not a host key.
   */
  getHostKV: (key: string) => string | undefined;

  /**
   * Returns the export data: all consensus keys (`kv.{key}`), and the records that validate artifacts (`snapshot.…`,
   * `transcript.…`, `bundle.…`). The export data must come from a trusted source.
   */
  getExportData: () => AnyIterable<KVPair>;

  /**
   * Returns the names of the artifacts that the mode includes, for `getArtifact`.
   *
   * @throws immediately if the store lacks something that the mode includes.
   */
  getArtifactNames: () => AnyIterable<string>;

  /**
   * Returns the bytes of an artifact: `transcript.{vatID}.{startPos}.{endPos}`, `snapshot.{vatID}.{snapPos}` or
   * `bundle.{bundleID}`. Chunk boundaries have no meaning.
   *
   * @throws immediately or at the first step if there is no such artifact or its content is not stored; with
   *   `ERR_SWING_STORE_OVERTAKEN` if a disk error ended the exporter's transaction and the store has changed since:
   *   create a new exporter.
   */
  getArtifact: (name: string) => AnyIterable<Uint8Array>;

  /** Closes the exporter. Sequences that are being read fail at their next step. */
  close: () => Promise<void>;
}

/** Options of {@link makeSwingStoreExporter}. */
export interface ExportSwingStoreOptions {
  /** The artifacts to list and to require. Default: `operational`. */
  artifactMode?: ArtifactMode | undefined;

  /**
   * Check completeness for the mode immediately, and throw from `makeSwingStoreExporter` if something is missing,
   * instead of in `getArtifactNames`. Default: false. `@agoric/swing-store` ignores this option.
   */
  checkComplete?: boolean | undefined;

  /**
   * A place with artifacts that the store has pruned: a directory with an archive or an export, or a URL as of
   * {@link repopulateSwingStoreFromDirectory}. `getArtifactNames` lists these artifacts, too, and `getArtifact` fetches
   * them by their names. Each is checked against the hash in the store before its first chunk, so the place need not be
   * trusted; if it lacks one, or has another one, reading it fails. The following artifacts are fetched meanwhile, up to
   * eight. Only for the modes `replay` and `archival`. Default: none. `@agoric/swing-store` ignores this option.
   */
  historyFrom?: string | undefined;
}

/**
 * Opens a store on disk for export, without blocking a kernel that uses it.
 *
 * @param dirPath  the directory of the store.
 * @throws if `dirPath` is not a string, the mode is unknown, or the file is not a store or cannot be opened; with
 *   `checkComplete`, also if something is missing; with `historyFrom`, also if it is invalid or the mode needs no history.
 */
export function makeSwingStoreExporter(dirPath: string, options?: ExportSwingStoreOptions): SwingStoreExporter;

/** Options of {@link importSwingStore}: the mode, and options of the new store. */
export interface ImportSwingStoreOptions extends SwingStoreOptions {
  /** The artifacts to import and to require (`debug` requires those of `operational`). Default: `operational`. */
  artifactMode?: ArtifactMode | undefined;
}

/**
 * Creates a store from an exporter, validates each artifact against the export data, and closes the exporter. **The new
 * store is discarded unless the caller commits.** To run a kernel on it, commit, close and open it.
 *
 * The new store is built in a hidden directory, so an import that fails or is killed leaves nothing that opens as a
 * store. The first commit moves it into place. Await its promise before you use the store again.
 *
 * @param dirPath  a directory, which is created if necessary. **The first commit deletes its previous content.** `null`
 *   or absent: a store in memory. If a store there is open at the first commit, the commit rejects with `code`
 *   `ERR_SWING_STORE_IN_USE`, and may be repeated. If another process has it open at the start, the import rejects
 *   immediately.
 * @throws (rejects) if the export data is malformed, an artifact does not match it, or something that the mode includes
 *   is missing.
 */
export function importSwingStore(
  exporter: SwingStoreExporter,
  dirPath?: string | null,
  options?: ImportSwingStoreOptions,
): Promise<Pick<SwingStore, 'hostStorage' | 'debug'>>;

/** The progress of a job. No number ever decreases. */
export interface WorkProgress {
  /** The stage: examining the input, the work itself, completing it, finished. */
  readonly stage: 'preparing' | 'working' | 'finishing' | 'done';
  /** The number of finished items. Each function says what it counts. */
  readonly done: number;
  /** The total number of items; 0 if it is unknown. */
  readonly total: number;
  /** The number of bytes that were read or written. */
  readonly bytes: number;
}

/** Options of all jobs. */
export interface WorkOptions {
  /**
   * Receives the progress, at most 20 times per second, and once at the end, also after an abort. If it throws, the job
   * ends and rejects with that error.
   */
  onProgress?: ((progress: WorkProgress) => void) | undefined;

  /**
   * Aborts the job; the promise rejects with the signal's `reason`. If the signal is already aborted, the job does not
   * start.
   */
  signal?: AbortSignal | undefined;
}

/** Options of {@link exportSwingStoreToDirectory}. */
export interface ExportToDirectoryOptions extends WorkOptions {
  /** The artifacts to write and to require; `none` writes no artifacts. Default: `operational`. */
  artifactMode?: ArtifactMode | 'none' | undefined;

  /**
   * Whether to write the export data (`all`) or not (`skip`), for a caller that has it from another source. An export
   * without export data cannot be imported alone. Default: `all`. (The default of `cosmic-swingset`'s program is
   * `skip`.)
   */
  exportDataMode?: 'all' | 'skip' | undefined;

  /** The required value of `host.height` in the store. Default: any. */
  blockHeight?: number | undefined;

  /**
   * Whether to write each artifact as a gzip file `NAME.gz`. The manifest then has `"compressed": true`. The functions
   * of this package read such an export; `cosmic-swingset`'s programs do not. Heap images are copied without being
   * decompressed, so the export does not notice a damaged one; {@link verifySwingStore} and imports do. Not
   * possible with the artifact mode `none`. Default: `false`.
   */
  compress?: boolean | undefined;

  /**
   * A place with artifacts that the store has pruned: a directory with an archive or an export, or a URL as of
   * {@link repopulateSwingStoreFromDirectory}. They become part of the export, as if the store had them. They are fetched
   * by their names, several at a time, before anything else is written, and checked against the hashes in the store, so
   * the place need not be trusted. Only for the modes `replay` and `archival`. Default: none.
   */
  historyFrom?: string | undefined;

  /**
   * The directory of a previous export, with export data. Artifacts with the same name and the same export record,
   * hence the same hash, are not written again: they become hard links to its files, or clones, or copies, in this
   * order. Both exports must be compressed, or both not; otherwise nothing is reused. **Do not modify the files of an
   * export that another one shares**; deleting them is safe. A file that belongs to another user, or that everybody may
   * write to, is copied. Not possible with the artifact mode `none`. Default: no reuse.
   */
  reuse?: string | undefined;

  /**
   * Whether to read the files to reuse and check their hashes. Artifacts with a damaged file are written from the
   * store. Only possible with `reuse`. Default: `false`.
   */
  verifyReused?: boolean | undefined;
}

/** What {@link exportSwingStoreToDirectory} reused of a previous export. */
export interface ReusedArtifacts {
  /** The number of artifacts whose files were reused. */
  readonly artifacts: number;
  /** The size of these files in bytes. */
  readonly bytes: number;
  /** The number of files that are hard links: the same files as in the previous export. */
  readonly linked: number;
  /** The number of files that are clones, which share their blocks on the disk with the previous export. */
  readonly cloned: number;
  /** The number of files that are copies. */
  readonly copied: number;
  /** The number of files that were damaged, and were written from the store. */
  readonly damaged: number;
}

/** The result of {@link exportSwingStoreToDirectory}. */
export interface ExportedDirectory {
  /** The block height, from the host's key `host.height`; 0 if it is not set. The manifest contains it, too. */
  readonly blockHeight: number;
  /** The number of artifacts in the export. */
  readonly artifacts: number;
  /** The size of the artifacts' files and the export data in bytes, with what was reused. */
  readonly bytes: number;
  /** The number of artifacts that were taken from `historyFrom`; `undefined` without it. */
  readonly fetched?: number;
  /** What was reused of a previous export; `undefined` without `reuse`. */
  readonly reused?: ReusedArtifacts;
}

/**
 * Writes the last commit of a store to a directory, in the layout of `cosmic-swingset`: `export-manifest.json`,
 * `export-data.jsonl`, and a file for each artifact. A kernel can use the store meanwhile.
 *
 * If there is a manifest, everything that it names is present, complete and on disk. An export that fails, is aborted
 * or is killed leaves no manifest. Existing files in the directory are never changed.
 *
 * Progress counts files: the artifacts, and the export data. An abort removes all files that were written.
 *
 * @param dirPath  the directory of the store.
 * @param exportDir  the directory to write to, which is created if necessary. It must not be, contain or lie in the
 *   store's directory.
 * @throws (rejects) if `exportDir` contains a manifest, or another file with the same name (`code` `EEXIST`); if the
 *   store lacks something that the mode includes (the message says what, and what to do); if the store is at another
 *   block; if the directory to reuse is not an export with export data (`code` `ERR_SWING_STORE_REUSE`); if an option
 *   has the wrong type, or options contradict each other.
 */
export function exportSwingStoreToDirectory(
  dirPath: string,
  exportDir: string,
  options?: ExportToDirectoryOptions,
): Promise<ExportedDirectory>;

/** Options of {@link importSwingStoreFromDirectory}: what to import, and options of the new store. */
export interface ImportFromDirectoryOptions extends Omit<SwingStoreOptions, 'readonly' | 'serialized'>, WorkOptions {
  /**
   * The artifacts to import and to require (`debug` requires those of `operational`). Default: the mode in the
   * manifest.
   */
  artifactMode?: ArtifactMode | undefined;

  /**
   * How to use the export data: `all` of it, in a new store. For `repair-metadata` of `cosmic-swingset`, use
   * {@link repairSwingStoreFromDirectory}; to add artifacts to a store that has their records, use
   * {@link repopulateSwingStoreFromDirectory}.
   */
  exportDataMode?: 'all' | undefined;

  /** The required block height in the manifest. Default: any. */
  blockHeight?: number | undefined;
}

/** The result of {@link importSwingStoreFromDirectory}: that of {@link importSwingStore}, and the block height. */
export interface ImportedDirectory extends Pick<SwingStore, 'hostStorage' | 'debug'> {
  /**
   * The block height in the manifest. It is not stored: a host that keeps it in the store sets it
   * (`hostStorage.kvStore.set('host.height', String(blockHeight))`) before it commits.
   */
  readonly blockHeight: number;
}

/**
 * Creates a store from a directory that {@link exportSwingStoreToDirectory} (compressed or not) or `cosmic-swingset`
 * wrote, and validates every artifact as {@link importSwingStore} does. Only `onProgress` runs on JavaScript's thread.
 *
 * **The new store is discarded unless the caller commits.** It is built in a hidden directory, and the previous store
 * stays in place until the first commit. An import that fails, is aborted or is killed leaves nothing that opens as a
 * store. The next import to the same directory removes what a killed import left. `wrapKvStore` and similar options
 * wrap the returned store; the import itself does not use the wrappers, and does not write to `traceFile`.
 *
 * Progress counts files, as for an export.
 *
 * @param exportDir  the directory with the export. No file outside it is read, whatever the manifest says.
 * @param dirPath  a directory, which is created if necessary. **The first commit deletes its previous content.** It
 *   must not contain the export, nor an open store; see {@link importSwingStore}.
 * @throws (rejects) if a store in `dirPath` is open (`code` `ERR_SWING_STORE_IN_USE`); before anything is done, if the
 *   manifest is malformed or names files that must not be read; if an artifact does not match the export data, or
 *   something that the mode includes is missing.
 */
export function importSwingStoreFromDirectory(
  exportDir: string,
  dirPath: string,
  options?: ImportFromDirectoryOptions,
): Promise<ImportedDirectory>;

/** Options of {@link repairSwingStoreFromDirectory}. */
export interface RepairFromDirectoryOptions extends WorkOptions {
  /** The required block height in the manifest and in the store. Default: any, but the same in both. */
  blockHeight?: number | undefined;
}

/** The result of {@link repairSwingStoreFromDirectory}. */
export interface RepairedDirectory {
  /** The block height of the store and of the export. */
  readonly blockHeight: number;
  /** The number of records of spans, snapshots and bundles in the export. */
  readonly records: number;
  /** The number of records that were added to the store. */
  readonly added: number;
}

/**
 * Adds missing records of spans and snapshots to a store, from an export of the same block, and commits: like
 * `hostStorage.repairMetadata`, without an exporter. It reads neither key-value entries nor artifacts. A span or
 * snapshot that has a record can be restored later.
 *
 * It is one transaction: if anything fails, nothing changes. No kernel may use the store meanwhile. Progress counts
 * records instead of files.
 *
 * @param exportDir  the directory with the export, which must have export data.
 * @param dirPath  the directory of the store.
 * @throws (rejects) if store and export are at different blocks or contradict each other; if the manifest is malformed;
 *   if the store lacks something that a kernel needs.
 */
export function repairSwingStoreFromDirectory(
  exportDir: string,
  dirPath: string,
  options?: RepairFromDirectoryOptions,
): Promise<RepairedDirectory>;

// ---------------------------------------------------------------------------------------------------------------------
// History
// ---------------------------------------------------------------------------------------------------------------------

/** A value that `JSON.parse` can return. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * The state of a vat.
 *
 * - `terminated`: the kernel lists it in `vats.terminated`, and deletes a part of it in each block.
 * - `live`: otherwise, if it has a current span.
 * - `gone`: otherwise. Some of its data remains.
 */
export type VatState = 'live' | 'terminated' | 'gone';

/** How much of the content is stored. The content of an empty span is `all` stored. */
export type Populated = 'all' | 'some' | 'none';

/** Options of methods that can report sizes. */
export interface HistorySizeOptions extends WorkOptions {
  /**
   * Report the size of transcript items (`bytes`). This visits the row of every item of the vat, or of all vats:
   * seconds for millions of items. The history caches the result. Default: false.
   */
  sizes?: boolean | undefined;
}

/** What a store records about a vat. */
export interface VatHistory {
  /** The ID of the vat. */
  readonly vatID: string;
  /** The name: that of a static vat (`vat.name.{name}`), or the one in the vat's options. */
  readonly name: string | null;
  /** Whether the vat was created with the kernel or by another vat; `null` if the kernel's state does not say. */
  readonly kind: 'static' | 'dynamic' | null;
  /** The state of the vat. */
  readonly state: VatState;
  /** Whether the kernel's state contains the vat (`{vatID}.o.nextID`). */
  readonly inKernel: boolean;
  /** The current incarnation, or the last one that has spans. The first incarnation is 0. */
  readonly incarnation: number | null;
  /** The number of incarnations that have spans. */
  readonly incarnations: number;
  /** The end position of the transcript, exclusive: the number of items that the vat ever had. */
  readonly endPos: number;
  /** The number of spans. */
  readonly spans: number;
  /** The number of spans with all their items. */
  readonly populatedSpans: number;
  /** The number of stored items. */
  readonly items: number;
  /** The size of these items in the file in bytes, if `sizes` is set. */
  readonly bytes?: number;
  /** The number of recorded snapshots. */
  readonly snapshots: number;
  /** The number of snapshots with their heap image. */
  readonly populatedSnapshots: number;
  /** The size of these images in the file in bytes. */
  readonly snapshotBytes: number;
  /** The source from which the kernel starts the vat: `{vatID}.source`. */
  readonly source: { readonly [key: string]: JsonValue } | null;
  /** The options with which the kernel starts the vat: `{vatID}.options`. */
  readonly options: { readonly [key: string]: JsonValue } | null;
}

/** A worker was started from bundles. */
export interface InitializeWorkerEntry {
  /** The pseudo-delivery. */
  readonly kind: 'initialize-worker';
  /** The ID of the vat's bundle; `null` if it has none. */
  readonly bundleID: string | null;
  /** The worker's type, and in `bundleIDs` the bundles that it loads first: lockdown and supervisor. */
  readonly workerOptions: { readonly [key: string]: JsonValue };
}

/** A worker was started from a snapshot, or a snapshot was saved. */
export interface SnapshotEntry {
  /** The pseudo-delivery. */
  readonly kind: 'load-snapshot' | 'save-snapshot';
  /** The hash of the snapshot. */
  readonly snapshotID: string;
}

/** A worker was shut down for an upgrade of the vat. */
export interface ShutdownWorkerEntry {
  /** The pseudo-delivery. */
  readonly kind: 'shutdown-worker';
}

/** A delivery to the vat. */
export interface DeliveryEntry {
  /** Not a pseudo-delivery. */
  readonly kind: 'delivery';
  /** The kind of delivery: `message`, `notify`, `startVat`, … */
  readonly delivery: string;
}

/** An item that no kernel writes. */
export interface UnknownEntry {
  /** Neither a delivery nor a pseudo-delivery. */
  readonly kind: 'unknown';
  /** What is wrong with the item. */
  readonly problem: string;
}

/** An item that is not stored. */
export interface PrunedEntry {
  /** The item was pruned, or its content was never imported. */
  readonly kind: 'pruned';
  /** The artifact that contains the item. */
  readonly artifact: string;
}

/** The meaning of a transcript item. */
export type TranscriptEntry =
  InitializeWorkerEntry | SnapshotEntry | ShutdownWorkerEntry | DeliveryEntry | UnknownEntry | PrunedEntry;

/** An item at the start or the end of a span, with its place. */
export type PseudoDelivery = TranscriptEntry & EntryPlace;

/** The place of an item. */
export interface EntryPlace {
  /** The position in the vat's transcript. */
  readonly position: number;
  /** The incarnation of the item. */
  readonly incarnation: number;
  /** The start position of the item's span. */
  readonly spanStart: number;
}

/** An incarnation: the life of a vat between two upgrades. */
export interface IncarnationHistory {
  /** The number of the incarnation. The first is 0. */
  readonly incarnation: number;
  /** The start position. */
  readonly startPos: number;
  /** The end position, exclusive. */
  readonly endPos: number;
  /** Whether this is the current incarnation. */
  readonly isCurrent: boolean;
  /** The number of spans. */
  readonly spans: number;
  /** The number of spans with all their items. */
  readonly populatedSpans: number;
  /** The number of stored items. */
  readonly items: number;
  /** The size of these items in the file in bytes, if `sizes` is set. */
  readonly bytes?: number;
  /** Whether all items are stored, and no record of a span is missing. */
  readonly complete: boolean;
  /** The first item, usually `initialize-worker`; `null` if there is none yet. */
  readonly began: TranscriptEntry | null;
  /**
   * The last item: `shutdown-worker` after an upgrade. `null` for the current incarnation, or if there are no items.
   */
  readonly ended: TranscriptEntry | null;
}

/** A span of a vat's transcript. */
export interface SpanHistory {
  /** The ID of the vat. */
  readonly vatID: string;
  /** The start position. */
  readonly startPos: number;
  /** The end position, exclusive. */
  readonly endPos: number;
  /** The hash of the items. */
  readonly hash: string;
  /** Whether this is the vat's current span. */
  readonly isCurrent: boolean;
  /** The incarnation of the span. */
  readonly incarnation: number;
  /** The artifact that contains the items: `transcript.{vatID}.{startPos}.{endPos}`. */
  readonly artifact: string;
  /** The number of stored items. */
  readonly items: number;
  /** How many of the items are stored. */
  readonly populated: Populated;
  /** The size of these items in the file in bytes, if `sizes` is set. */
  readonly bytes?: number;
}

/** A heap snapshot of a vat. */
export interface SnapshotHistory {
  /** The ID of the vat. */
  readonly vatID: string;
  /** The position of the `save-snapshot`. The span that loads the snapshot starts one position later. */
  readonly snapPos: number;
  /** The SHA-256 of the uncompressed heap image. */
  readonly hash: string;
  /** Whether the vat's worker starts from this snapshot. */
  readonly inUse: boolean;
  /** Whether the heap image is stored. */
  readonly populated: 'all' | 'none';
  /** The uncompressed size in bytes, also after pruning; `null` if the record was imported without its image. */
  readonly uncompressedSize: number | null;
  /** The stored size in bytes, also after pruning; `null` if the record was imported without its image. */
  readonly compressedSize: number | null;
  /** The artifact that contains the heap image: `snapshot.{vatID}.{snapPos}`. */
  readonly artifact: string;
}

/**
 * Where the content of a bundle is stored: in the bundle store, or in the key-value store (`bundle.{bundleID}`), where
 * older kernels kept bundles.
 */
export type BundlePlace = 'bundleStore' | 'kvStore';

/** A bundle. */
export interface BundleHistory {
  /** The ID of the bundle. */
  readonly bundleID: string;
  /** The names of the bundle in the kernel (`namedBundleID.{name}`). */
  readonly names: readonly string[];
  /** Where the content is stored; `null` if only the record exists. */
  readonly storedIn: BundlePlace | null;
  /** The size of the content in the file in bytes. */
  readonly bytes: number | null;
  /** The artifact that contains the content: `bundle.{bundleID}`. */
  readonly artifact: string;
}

/** An item of a transcript. */
export interface HistoryItem {
  /** The position in the vat's transcript. */
  readonly position: number;
  /** The incarnation of the item. */
  readonly incarnation: number;
  /** The item: the JSON text of a delivery, its system calls and its result. */
  readonly item: string;
}

/** Options for reading items. */
export interface ReadItemsOptions {
  /** Skip missing items instead of failing at the first step. Default: false. */
  skipMissing?: boolean | undefined;
}

/** Options of {@link SwingStoreHistory.readItems}. */
export interface ReadRangeOptions extends ReadItemsOptions {
  /** The start position. Default: the start of the transcript. */
  start?: number | undefined;
  /** The end position, exclusive. Default: the end of the transcript. */
  end?: number | undefined;
}

/** Options of {@link SwingStoreHistory.replayPlan}. */
export interface ReplayPlanOptions extends HistorySizeOptions {
  /** The incarnation; a vat's first one is 0. Default: the current one. */
  incarnation?: number | undefined;
  /**
   * Where the replay starts: at the `start` of the incarnation, from bundles; or at its last `snapshot`, as in a kernel
   * (or the start if there is none). Default: `start`.
   */
  from?: 'start' | 'snapshot' | undefined;
}

/** Start a worker from bundles. */
export interface ReplayFromBundles extends InitializeWorkerEntry {
  /** The position of the `initialize-worker`. */
  readonly position: number;
  /**
   * The source of this information: the `transcript` or, if the item was pruned, the kernel's entries for the vat
   * (`{vatID}.source` and `{vatID}.options`), which describe its current incarnation.
   */
  readonly learnedFrom: 'transcript' | 'kvStore';
}

/** Start a worker from a snapshot. */
export interface ReplayFromSnapshot {
  /** The pseudo-delivery. */
  readonly kind: 'load-snapshot';
  /** The position of the `load-snapshot`. */
  readonly position: number;
  /** The hash of the snapshot. */
  readonly snapshotID: string;
  /** The source of this information: the `transcript` or, if the item was pruned, the snapshot's record. */
  readonly learnedFrom: 'transcript' | 'snapshots';
}

/** The store does not say what to start a worker from; the plan's `problems` explain why. */
export interface ReplayFromUnknown {
  /** The start is unknown. */
  readonly kind: 'unknown';
  /** The position where the replay would start. */
  readonly position: number;
}

/** What a worker starts from. */
export type ReplayStart = ReplayFromBundles | ReplayFromSnapshot | ReplayFromUnknown;

/** A position at which a replay can be compared with the original. */
export interface ReplayCheckpoint {
  /** The position of the `save-snapshot`. */
  readonly position: number;
  /** The hash of the heap image at that position. */
  readonly snapshotID: string;
}

/** An artifact that a plan needs and the store lacks. */
export interface MissingArtifact {
  /** The kind of artifact. */
  readonly kind: 'transcript' | 'snapshot' | 'bundle';
  /** The name of the artifact. */
  readonly artifact: string;
}

/** A bundle that a worker loads. */
export interface ReplayBundle {
  /** The ID of the bundle. */
  readonly bundleID: string;
  /** The purpose: the code of the `vat`, or what the `worker` loads before it (lockdown and supervisor). */
  readonly role: 'worker' | 'vat';
  /** Where the content is stored; `null` if it is not. */
  readonly storedIn: BundlePlace | null;
  /** The artifact that contains the content. */
  readonly artifact: string;
}

/** What the replay of an incarnation needs. */
export interface ReplayPlan {
  /** The ID of the vat. */
  readonly vatID: string;
  /** The incarnation. */
  readonly incarnation: number;
  /** Whether the incarnation is the current one. */
  readonly isCurrent: boolean;
  /** The requested start of the replay. */
  readonly from: 'start' | 'snapshot';
  /** The start position. */
  readonly startPos: number;
  /** The end position, exclusive. */
  readonly endPos: number;
  /** What to start the worker from. */
  readonly start: ReplayStart;
  /** The spans to feed it, in order. */
  readonly spans: readonly SpanHistory[];
  /** The bundles to load, in order; none if the worker starts from a snapshot, which contains them. */
  readonly bundles: readonly ReplayBundle[];
  /** The snapshot to start the worker from, if any. */
  readonly snapshots: readonly SnapshotHistory[];
  /**
   * Positions at which the replay can be compared with the original: the hash of the heap image at each
   * `save-snapshot`.
   */
  readonly checkpoints: readonly ReplayCheckpoint[];
  /** The needed artifacts that the store lacks; with `historyFrom`, those that this place lacks, too. */
  readonly missing: readonly MissingArtifact[];
  /**
   * The needed artifacts that the store lacks and `historyFrom` has. Each was fetched and checked against its hash.
   * `undefined` without `historyFrom`.
   */
  readonly elsewhere?: readonly MissingArtifact[] | undefined;
  /** Problems that prevent the replay and that no artifact solves. */
  readonly problems: readonly string[];
  /** Whether nothing is missing and there are no problems. */
  readonly complete: boolean;
}

/**
 * A store's history in one consistent view: its vats, their incarnations and spans, what is stored of them, and what a
 * replay needs. {@link openSwingStoreHistory} opens one.
 *
 * All methods work on other threads than JavaScript's. After `close`, they reject.
 */
export interface SwingStoreHistory {
  /** Lists all vats that occur in transcripts, snapshots or the kernel's state, ordered by number. */
  listVats: (options?: HistorySizeOptions) => Promise<readonly VatHistory[]>;

  /**
   * Returns a vat.
   *
   * @throws (rejects) if the vat does not occur in the store.
   */
  getVat: (vatID: string, options?: HistorySizeOptions) => Promise<VatHistory>;

  /**
   * Lists the incarnations of a vat, oldest first.
   *
   * @throws (rejects) if the store has no transcript of the vat.
   */
  listIncarnations: (vatID: string, options?: HistorySizeOptions) => Promise<readonly IncarnationHistory[]>;

  /**
   * Lists the spans of a vat, oldest first.
   *
   * @throws (rejects) if the store has no transcript of the vat.
   */
  listSpans: (vatID: string, options?: HistorySizeOptions) => Promise<readonly SpanHistory[]>;

  /**
   * Lists the pseudo-deliveries of a vat, which record how workers started and ended, in order. Only the first and the
   * last item of each span are examined. The first item is always listed, the last one unless it is an ordinary
   * delivery.
   *
   * @throws (rejects) if the store has no transcript of the vat.
   */
  listPseudoDeliveries: (vatID: string, options?: WorkOptions) => Promise<readonly PseudoDelivery[]>;

  /** Lists the snapshots of a vat, or of all vats, by vat and position. */
  listSnapshots: (vatID?: string) => Promise<readonly SnapshotHistory[]>;

  /** Lists all bundles, by ID. */
  listBundles: () => Promise<readonly BundleHistory[]>;

  /**
   * Returns what the replay of an incarnation needs.
   *
   * @throws (rejects) if the store has no transcript of the vat, the vat has no such incarnation, or no incarnation is
   *   given and there is no current one. Missing artifacts are not an error, but part of the plan.
   */
  replayPlan: (vatID: string, options?: ReplayPlanOptions) => Promise<ReplayPlan>;

  /** Returns the value of `host.height`; 0 if it is not set. */
  getBlockHeight: () => Promise<number>;

  /**
   * Returns an item.
   *
   * @throws (rejects) if the vat has no such position, or the item is missing.
   */
  readItem: (vatID: string, position: number) => Promise<HistoryItem>;

  /**
   * Returns the items in a range of positions. It holds a few hundred KiB at a time, whatever the size of the range.
   *
   * @throws (rejects, at the first step) if the store has no transcript of the vat; if the range exceeds the
   *   transcript; if items are missing (the message names the artifacts that contain them).
   */
  readItems: (vatID: string, options?: ReadRangeOptions) => AsyncIterableIterator<HistoryItem>;

  /**
   * Returns the items of the span that starts at a position, like `readItems`.
   *
   * @throws (rejects, at the first step) as `readItems`, and if no span starts there.
   */
  readSpan: (vatID: string, startPos: number, options?: ReadItemsOptions) => AsyncIterableIterator<HistoryItem>;

  /**
   * Returns the items of an incarnation, like `readItems`.
   *
   * @throws (rejects, at the first step) as `readItems`, and if there is no such incarnation.
   */
  readIncarnation: (
    vatID: string,
    incarnation: number,
    options?: ReadItemsOptions,
  ) => AsyncIterableIterator<HistoryItem>;

  /** Closes the history. Methods and iterators in progress fail at their next step. */
  close: () => Promise<void>;
}

/** Options of {@link openSwingStoreHistory}. */
export interface OpenSwingStoreHistoryOptions {
  /**
   * A place with artifacts that the store has pruned: a directory with an archive or an export, or a URL as of
   * {@link repopulateSwingStoreFromDirectory}. `readItem`, `readItems`, `readSpan`, `readIncarnation` and `replayPlan` read
   * them there, by their names. Each is checked against the hash in the store before any of it is returned, so the place
   * need not be trusted; one with another hash is an error. The other methods are only about the store. Default: none.
   */
  historyFrom?: string | undefined;
}

/**
 * Opens a store on disk to read its history as of the last commit, without blocking a kernel that uses it, and without
 * writing. While the history is open, SQLite keeps that state, so the store's WAL file may grow.
 *
 * @param dirPath  the directory of the store.
 * @throws if `dirPath` is not a string, there is no store in it, the file is not a store or cannot be opened, or an option
 *   is unknown or invalid.
 */
export function openSwingStoreHistory(dirPath: string, options?: OpenSwingStoreHistoryOptions): SwingStoreHistory;

/** Options of {@link verifySwingStore}. */
export interface VerifySwingStoreOptions extends WorkOptions {
  /**
   * What must be present. Everything else that is present is checked, too; `debug` requires nothing. Default:
   * `operational`, which every store satisfies that a kernel can run on, even one without history (after state-sync,
   * for example).
   */
  artifactMode?: ArtifactMode | undefined;

  /**
   * A place in which to check what the mode needs and the store has pruned: a directory with an archive or an export, or
   * a URL as of {@link repopulateSwingStoreFromDirectory}. Artifacts are fetched by their names and compared with the
   * hashes in the store. Only for the modes `replay` and `archival`. Default: none.
   */
  historyFrom?: string | undefined;

  /** Run SQLite's `PRAGMA integrity_check`. Default: true. */
  integrityCheck?: boolean | undefined;

  /** The maximum number of listed findings of each kind; `leftOut` counts the others. Default: 1000. */
  findingsPerKind?: number | undefined;
}

/** The kind of a finding. `docs/reference/verify.md` explains each kind. */
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
  | 'frame-unreadable'
  | 'frame-overlap'
  | 'frame-stale'
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
  | 'history-unusable'
  | 'incomplete';

/** A fault that a verification found. */
export interface VerificationFinding {
  /** The kind, a stable name. Later versions may have more kinds. */
  readonly kind: VerificationKind;
  /**
   * `error`: something is damaged, or missing although it is needed. `warning`: nothing is missing or damaged, but no
   * kernel writes the store like this.
   */
  readonly severity: 'error' | 'warning';
  /** The table; `undefined` for the file as a whole. */
  readonly table?: string | undefined;
  /** The key of the row, or the ID of the vat or bundle. Very long ones are truncated. */
  readonly id?: string | undefined;
  /** The position of the span, item or snapshot. */
  readonly position?: number | undefined;
  /** The name of the artifact. */
  readonly artifact?: string | undefined;
  /** What was found, what was expected, and what to do. */
  readonly message: string;
}

/** The number of records of a kind, and how many were checked. */
export interface VerificationTally {
  /** The number of records. */
  readonly total: number;
  /** The number of records whose content is stored and was checked. */
  readonly checked: number;
  /** The number of records whose content is missing, completely or in part: it was pruned. */
  readonly pruned: number;
  /** The number of bytes that were hashed: of items, uncompressed images or bundles. */
  readonly bytes: number;
}

/** The result of {@link verifySwingStore}. */
export interface VerificationReport {
  /** Whether there are no findings. */
  readonly ok: boolean;
  /** The artifact mode of the completeness check. */
  readonly artifactMode: ArtifactMode;
  /** The block height, from the host's key `host.height`; `undefined` if it is not set. */
  readonly blockHeight?: number | undefined;
  /** The findings, ordered by table, ID and position. */
  readonly findings: readonly VerificationFinding[];
  /** The number of findings of each kind that are not listed. */
  readonly leftOut: Readonly<Partial<Record<VerificationKind, number>>>;
  /**
   * The number of artifacts that the mode needs and the store lacks, and that `historyFrom` has, with the right hash;
   * `undefined` without `historyFrom`.
   */
  readonly elsewhere?: number | undefined;
  /** Transcript spans. */
  readonly spans: VerificationTally;
  /** The number of transcript items in spans. */
  readonly items: number;
  /** Heap snapshots. */
  readonly snapshots: VerificationTally;
  /** Bundles. */
  readonly bundles: VerificationTally;
  /** The number of keys in the kvStore, including those of the host. */
  readonly keys: number;
  /** The number of changes of the export data that the host has not received yet. They are not a fault. */
  readonly pendingExports: number;
}

/**
 * Verifies a store: recomputes every hash, and checks that nothing is missing that `artifactMode` includes, that
 * records are consistent with each other and with the kernel's state, and that SQLite's integrity check succeeds. It
 * only reads the last commit, on its own threads; a kernel can use the store meanwhile.
 *
 * Progress counts spans, snapshots, bundles, the kvStore, and the integrity check; bytes are those of keys, values,
 * items, uncompressed images and bundles.
 *
 * @param dirPath  the directory of the store.
 * @throws (rejects) if there is no store, or if `historyFrom` cannot be reached. A damaged store does not reject, but has a
 *   report.
 */
export function verifySwingStore(dirPath: string, options?: VerifySwingStoreOptions): Promise<VerificationReport>;

/** Options of {@link diffSwingStores}. */
export interface DiffSwingStoresOptions extends WorkOptions {
  /**
   * Which artifacts of a store to compare. Default: those of the mode of the other side's export, or all stored ones
   * (`debug`) if both are stores.
   */
  artifactMode?: ArtifactMode | undefined;

  /** Also compare the bytes of artifacts whose records are equal. Default: false. */
  contents?: boolean | undefined;

  /** Also compare keys that are not exported (`host.` and `local.`). Both sides must be stores. Default: false. */
  localKeys?: boolean | undefined;

  /** The maximum number of listed differences; `leftOut` counts the others. Default: 1000. */
  limit?: number | undefined;
}

/** A difference between two stores or exports. */
export interface SwingStoreDifference {
  /** A record of the export data, a key that is not exported, or an artifact. */
  readonly subject: 'record' | 'local-key' | 'artifact';
  /** Whether only the first has it, only the second, or both with different values. */
  readonly in: 'a' | 'b' | 'both';
  /** The key, or the name of the artifact. Very long ones are truncated. */
  readonly name: string;
  /** The value of the record or key in the first. Long values are truncated, with their length. */
  readonly a?: string | undefined;
  /** The value of the record or key in the second. */
  readonly b?: string | undefined;
  /** How the bytes of an artifact differ. */
  readonly detail?: string | undefined;
}

/** The number of objects of a kind, and how many differ. */
export interface DifferenceCounts {
  /** The number in the first. */
  readonly a: number;
  /** The number in the second. */
  readonly b: number;
  /** The number only in the first. */
  readonly onlyA: number;
  /** The number only in the second. */
  readonly onlyB: number;
  /** The number in both with different values. */
  readonly differing: number;
}

/** The result of {@link diffSwingStores}. */
export interface SwingStoreDiff {
  /** Whether everything that was compared is equal. */
  readonly same: boolean;
  /** The block heights of both; `undefined` if unknown. */
  readonly blockHeights: readonly [a: number | undefined, b: number | undefined];
  /** The differences: records, then local keys, then artifacts, each by key or name. */
  readonly differences: readonly SwingStoreDifference[];
  /** The number of differences that are not listed. */
  readonly leftOut: number;
  /** Counts of records; `undefined` if an export has no export data. */
  readonly records?: DifferenceCounts | undefined;
  /** Counts of keys that are not exported; `undefined` without `localKeys`. */
  readonly localKeys?: DifferenceCounts | undefined;
  /** Counts of artifacts; `undefined` if an export has none. */
  readonly artifacts?: DifferenceCounts | undefined;
  /** The number of artifacts whose bytes were compared. */
  readonly contents: number;
}

/**
 * Compares two stores, two exports, or a store and an export: records by key, and artifacts by name (optionally byte
 * for byte). It only reads; a store is read at its last commit, and a kernel can use it meanwhile.
 *
 * Progress counts artifacts whose bytes are compared.
 *
 * @param a  a directory with `swingstore.sqlite` or `export-manifest.json`.
 * @param b  another one.
 * @throws (rejects) if a directory has neither a store nor an export, or has both, or if an export is malformed.
 */
export function diffSwingStores(a: string, b: string, options?: DiffSwingStoresOptions): Promise<SwingStoreDiff>;

/** Options of {@link measureSwingStore}. */
export interface MeasureOptions extends WorkOptions {
  /** An archive to look for spans and snapshots in, by their names: a directory or a URL. Default: none. */
  archivedIn?: string | undefined;

  /** How many of the newest historical spans of each vat to look for in the archive. Default: all. */
  newestSpans?: number | undefined;

  /** Also measure positions of each vat. Default: false. */
  perVat?: boolean | undefined;
}

/** The result of {@link measureSwingStore}. */
export interface StoredMetrics {
  /** Size of the file of the write-ahead log. */
  readonly swing_store_log_bytes: number;
  /** Size of the store's file, without its log. */
  readonly swing_store_file_bytes: number;
  /** Size of the free pages in the file, which SQLite reuses. */
  readonly swing_store_free_bytes: number;
  /** Block height that the host recorded; 0 if it recorded none. */
  readonly swing_store_block_height: number;
  /** When the file or its log was last written: by a commit, or by the checkpoint after it. */
  readonly swing_store_last_commit_timestamp_seconds: number;
  /** Vats with a transcript; those that ended have no current span. */
  readonly swing_store_vats: MetricByLabel<'live' | 'ended'>;
  /** Transcript spans, by how their items are stored. */
  readonly swing_store_spans: MetricByLabel<'current' | 'rows' | 'compressed' | 'pruned' | 'partial'>;
  /** Transcript items of these spans, whether stored or pruned. */
  readonly swing_store_items: MetricByLabel<'current' | 'rows' | 'compressed' | 'pruned' | 'partial'>;
  /** Heap snapshots: in use, kept, without their image, or in use without it. */
  readonly swing_store_snapshots: MetricByLabel<'in_use' | 'kept' | 'pruned' | 'missing'>;
  /** Size of the stored snapshots, uncompressed and compressed. */
  readonly swing_store_snapshot_bytes: MetricByLabel<'uncompressed' | 'compressed'>;
  /** Bundles in the bundle store, with and without their contents. */
  readonly swing_store_bundles: MetricByLabel<'stored' | 'pruned'>;
  /** 1 if the store has what an export in this artifact mode needs, otherwise 0. */
  readonly swing_store_complete: MetricByLabel<'operational' | 'replay' | 'archival'>;
  /** End position of a vat's transcript. */
  readonly swing_store_vat_end_position?: Readonly<Record<string, number>> | undefined;
  /** Oldest position from which all items of a vat's transcript are stored. */
  readonly swing_store_vat_oldest_position?: Readonly<Record<string, number>> | undefined;
  /** Items in a vat's current span. */
  readonly swing_store_vat_current_items?: Readonly<Record<string, number>> | undefined;
  /** 1 if the archive could be read, otherwise 0. */
  readonly swing_store_archive_up?: number | undefined;
  /** Historical spans whose items are stored, and which the archive lacks. */
  readonly swing_store_unarchived_spans?: number | undefined;
  /** Items of these spans. */
  readonly swing_store_unarchived_items?: number | undefined;
  /** Snapshots whose images are stored, and which the archive lacks. */
  readonly swing_store_unarchived_snapshots?: number | undefined;
  /** Spans without all of their items in the store, which the archive lacks. */
  readonly swing_store_lost_spans?: number | undefined;
  /** When the store was measured. */
  readonly swing_store_measured_timestamp_seconds: number;
  /** Why the archive could not be read, if it could not. */
  readonly archiveProblem?: string | undefined;
}

/**
 * Measures the contents of a store: sizes, spans by how they are stored, snapshots, completeness for exports, and what an
 * archive lacks. It only reads the last commit, on another thread; a kernel can use the store meanwhile, and does not
 * wait. Whether a span is stored is judged by its first and its last item; {@link verifySwingStore} checks every item.
 *
 * Progress counts the artifacts that were looked for in the archive.
 *
 * @param dirPath  the directory of the store.
 * @throws (rejects) if there is no store. An archive that cannot be read does not reject: see `archiveProblem`.
 */
export function measureSwingStore(dirPath: string, options?: MeasureOptions): Promise<StoredMetrics>;

/** The definition of a metric. */
export interface MetricDefinition {
  /** Its name, by the conventions of Prometheus. */
  readonly name: string;
  /** Its type. The value of a histogram is a {@link MetricHistogram}. */
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** The unit of its values, if they have one. */
  readonly unit?: 'seconds' | 'bytes' | undefined;
  /** The name of its label: then its value is an object with a number for each value of the label. */
  readonly label?: string | undefined;
  /** Whether `hostStorage.metrics` returns it. */
  readonly running: boolean;
  /** Whether {@link measureSwingStore} returns it. */
  readonly stored: boolean;
  /** What it measures. */
  readonly help: string;
}

/** The definitions of all metrics. */
export const metricDefinitions: readonly MetricDefinition[];

/**
 * Formats metrics in the text format of Prometheus.
 *
 * @param metrics  what `hostStorage.metrics` or {@link measureSwingStore} returned, or an object with both.
 * @throws if it is not an object.
 */
export function formatMetrics(metrics: Partial<RunningMetrics & StoredMetrics>): string;

/** The events that stores publish on channels of `node:diagnostics_channel`, by the names of the channels. */
export interface SwingStoreEvents {
  /** A store was opened. */
  'swing-store:open': {
    /** Its path, as it was given; `null` for a store in memory. */
    readonly path: string | null;
    /** Whether it was opened read-only. */
    readonly readonly: boolean;
  };
  /** A host has committed. */
  'swing-store:commit': {
    /** The store's path, as it was given; `null` for a store in memory. */
    readonly path: string | null;
    /** The time in the `exportCallback`, in seconds. */
    readonly exportSeconds: number;
    /** The time of the commit after it, in seconds. */
    readonly seconds: number;
  };
  /** A snapshot was saved. */
  'swing-store:snapshot': SnapshotResult & {
    /** The store's path, as it was given; `null` for a store in memory, and for a snapStore over a database. */
    readonly path: string | null;
    /** The vat. */
    readonly vatID: string;
    /** The position of the snapshot in the vat's transcript. */
    readonly snapPos: number;
  };
  /** A store was closed. */
  'swing-store:close': {
    /** Its path, as it was given; `null` for a store in memory. */
    readonly path: string | null;
  };
}

/** How a job that ran alongside a kernel held and waited for SQLite's write lock. */
export interface LockingReport {
  /** The number of transactions. */
  readonly transactions: number;
  /** The longest time that a transaction held the lock, in milliseconds. A kernel may have waited that long. */
  readonly longest: number;
  /** The total time that the job waited for others, in milliseconds. */
  readonly waited: number;
}

/** The disk usage of a store. */
export interface StoreSpace {
  /** The size of the file in bytes. */
  readonly fileBytes: number;
  /** The size of free pages in the file in bytes. SQLite reuses them before the file grows. */
  readonly freeBytes: number;
  /** The size of the log `swingstore.sqlite-wal` in bytes. */
  readonly logBytes: number;
}

/** A source of artifacts for {@link repopulateSwingStore}: an exporter, or the part of one that is needed. */
export interface ArtifactProvider extends Pick<SwingStoreExporter, 'getArtifactNames' | 'getArtifact'> {
  /** Is called after all artifacts have been read. */
  close?: (() => Promise<void>) | undefined;
}

/** Options of {@link repopulateSwingStore} and {@link repopulateSwingStoreFromDirectory}. */
export interface RepopulateOptions extends WorkOptions {
  /**
   * The artifacts to add. `replay`: every span of each vat's current incarnation; `archival`: every span of vats that
   * are not terminated; `debug`: all spans and snapshots that have records. Every mode also adds missing current spans,
   * snapshots in use and bundles, which no valid store lacks; `operational` adds only those. Default: `archival`.
   */
  artifactMode?: ArtifactMode | undefined;

  /** The maximum size of an artifact in bytes, uncompressed. Default: 536870912 (512 MiB). */
  maxArtifactBytes?: number | undefined;

  /**
   * Insert a larger span in several transactions of about this many bytes. A kernel waits less, but if the job is
   * killed in between, the span has only some of its items. It still counts as pruned, and the next run adds the rest.
   * Default: one transaction for each span.
   */
  maxTransactionBytes?: number | undefined;

  /**
   * Also replace content that does not match its record: items or an image with another hash or size, a bundle that
   * does not match its ID. It is replaced in any mode, each artifact in one transaction, if the new artifact has the
   * right hash. To find it, the stored content of every given artifact is read and hashed. For a current span, the
   * artifact may be from a node at another block. Damage without a given artifact is not found: use
   * {@link verifySwingStore} afterwards. Default: false.
   */
  replaceDamaged?: boolean | undefined;
}

/** An artifact that was rejected. */
export interface RefusedArtifact {
  /** The name of the artifact. */
  readonly name: string;
  /** A stable name for the reason, like the `code` of errors; empty if a stream failed with an error without a code. */
  readonly code: string;
  /** The reason in words. */
  readonly reason: string;
}

/** The result of a repopulation. */
export interface RepopulationReport {
  /** The names of the artifacts that were added. */
  readonly filled: readonly string[];
  /** The names of the artifacts that replaced damaged content. */
  readonly replaced: readonly string[];
  /** The size of these artifacts in bytes. */
  readonly bytes: number;
  /** The number of artifacts that the store already had. */
  readonly present: number;
  /** The number of artifacts that the mode does not include. */
  readonly unwanted: number;
  /** The number of artifacts that were rejected. */
  readonly refusedCount: number;
  /** The artifacts that were rejected; at most the first thousand. */
  readonly refused: readonly RefusedArtifact[];
  /** The names of the artifacts that the mode includes and the store still lacks. */
  readonly missing: readonly string[];
  /** How the lock was held and waited for. */
  readonly locking: LockingReport;
}

/**
 * Restores pruned spans and snapshots from artifacts, which need not be trusted: each is validated against the hash in
 * the store. Each artifact is added completely or not at all. Existing content is kept, or with `replaceDamaged`
 * replaced if it is damaged.
 *
 * **A kernel can use the store meanwhile**, in this process or another, with this package or `@agoric/swing-store`.
 * Artifacts are read and validated first, and inserted in one short transaction each. The kernel must leave time
 * between its transactions: if a transaction is always open, the job waits without end.
 *
 * A bad artifact, or one whose stream fails, is rejected, and the job continues. If `getArtifactNames` throws, the job
 * ends; what was added stays. At the end, unless the job failed, it calls the exporter's `close`, if there is one.
 *
 * Progress counts artifacts that were examined. After an abort, what was added stays, and another call continues.
 *
 * @param exporter  for example, one of {@link makeSwingStoreExporter}; its export data is not used.
 * @param dirPath  the directory of the store.
 * @throws (rejects) if there is no store (`code` `ERR_SWING_STORE_OPEN`), if it is open in the unsafe fast mode
 *   (`ERR_SWING_STORE_IN_USE`), or if the disk fails.
 */
export function repopulateSwingStore(
  exporter: ArtifactProvider,
  dirPath: string,
  options?: RepopulateOptions,
): Promise<RepopulationReport>;

/**
 * Does the same as {@link repopulateSwingStore}, from a directory or another place, on other threads than JavaScript's,
 * several artifacts at a time.
 *
 * Progress counts artifacts that were examined. After an abort, what was added stays, and another call continues.
 *
 * @param directory  an export (its manifest lists the artifacts; no file outside the directory is read); an archive of
 *   {@link makeArchiveSnapshot} and {@link makeArchiveTranscript}, with a file `NAME.gz` for each artifact; files with
 *   the names of artifacts; or a URL of such files: `s3://BUCKET/PATH`, `gs://BUCKET/PATH`, `az://CONTAINER/PATH`,
 *   `https://HOST/PATH`, `http://HOST/PATH` or `file:///DIRECTORY`. Files behind a URL are fetched by name and not
 *   listed: those that the store lacks, or with `replaceDamaged` all. Credentials come from the environment variables of
 *   the provider.
 * @param dirPath  the directory of the store.
 * @throws (rejects) as {@link repopulateSwingStore}; also if the directory has no artifacts (`code` `ENOENT`), if its
 *   manifest is malformed, or if the URL's server cannot be reached (`code` `ERR_SWING_STORE_REMOTE`).
 */
export function repopulateSwingStoreFromDirectory(
  directory: string,
  dirPath: string,
  options?: RepopulateOptions,
): Promise<RepopulationReport>;

/** Options of {@link compactSwingStore} and {@link expandSwingStore}. */
export interface CompactOptions extends WorkOptions {
  /** The vat whose history to work on. Default: all vats. */
  vatID?: string | undefined;

  /** The maximum number of items in total, rounded to a whole span. Default: no limit. */
  limit?: number | undefined;

  /** Only report what would be done. Default: false. */
  dryRun?: boolean | undefined;
}

/** The result of {@link compactSwingStore} and {@link expandSwingStore}, or what they would do with `dryRun`. */
export interface CompactReport {
  /** The number of spans. */
  readonly spans: number;
  /** The number of items. */
  readonly items: number;
  /** The size of these items in bytes; 0 with `dryRun`. */
  readonly itemBytes: number;
  /** The size of these items in bytes when compressed; 0 with `dryRun`. */
  readonly compressedBytes: number;
  /** The number of spans that were left as they are because they lack items: a part of them was pruned. */
  readonly incomplete: number;
  /**
   * The number of spans that were left as they are because their items do not match their hash, or cannot be read. See
   * {@link verifySwingStore}.
   */
  readonly damagedCount: number;
  /** The names of the artifacts of the first thousand of these spans. */
  readonly damaged: readonly string[];
  /** Whether nothing is left to do, except for such spans; false if `limit` was reached. */
  readonly done: boolean;
  /** The disk usage afterwards. */
  readonly space: StoreSpace;
  /** How the lock was held and waited for. */
  readonly locking: LockingReport;
}

/**
 * Compresses the items of historical spans in the file, to about a tenth of their size. Nothing else changes: no record,
 * hash, export or artifact, and every function of this package reads compressed items. `@agoric/swing-store` also runs
 * on such a store, and takes compressed spans for pruned. {@link expandSwingStore} turns them back into rows.
 *
 * **A kernel can use the store meanwhile.** Spans are read, checked against their hashes and compressed without a lock;
 * small transactions then replace their rows. However the job ends, every item is in the store; another call continues.
 * The file does not shrink: see {@link reclaimSwingStoreSpace}.
 *
 * Progress counts spans, and bytes of items. After an abort, what was compressed stays compressed.
 *
 * @param dirPath  the directory of the store.
 * @throws (rejects) as {@link repopulateSwingStore}; if `vatID` has no transcript (`ERR_SWING_STORE_NOT_FOUND`); if an
 *   option has the wrong type.
 */
export function compactSwingStore(dirPath: string, options?: CompactOptions): Promise<CompactReport>;

/**
 * Turns the items that {@link compactSwingStore} has compressed back into rows, which `@agoric/swing-store` reads. The
 * file grows by the size of the items.
 *
 * **A kernel can use the store meanwhile.** However the job ends, every item is in the store; another call continues.
 *
 * Progress counts spans, and bytes of items.
 *
 * @param dirPath  the directory of the store.
 * @throws (rejects) as {@link compactSwingStore}.
 */
export function expandSwingStore(dirPath: string, options?: CompactOptions): Promise<CompactReport>;

/** Options of {@link pruneSwingStore}. */
export interface PruneOptions extends WorkOptions {
  /**
   * What to keep: the spans and snapshots that an export in this mode contains; or a separate mode for each, where
   * `debug` keeps all. Current spans and snapshots in use are always kept.
   */
  keep:
    | ArtifactMode
    | {
        /** The mode for spans. */
        transcripts: ArtifactMode;
        /** The mode for snapshots. */
        snapshots: ArtifactMode;
      };

  /**
   * The maximum number of items to delete in one transaction, which may end earlier to limit its time. Default: 1000.
   */
  budget?: number | undefined;

  /** The maximum number of items to delete in total, rounded to a whole span. Default: no limit. */
  limit?: number | undefined;

  /**
   * An archive or an export: a directory, or a URL as of {@link repopulateSwingStoreFromDirectory}. Only what it has is
   * deleted: each artifact is read there, and checked against the hash in the store. Default: everything is deleted.
   */
  archivedIn?: string | undefined;

  /** Only report what would be deleted. Default: false. */
  dryRun?: boolean | undefined;
}

/** The result of {@link pruneSwingStore}, or what it would delete with `dryRun`. */
export interface PruneReport {
  /** The number of spans whose items were deleted. */
  readonly spans: number;
  /** The number of items that were deleted. */
  readonly items: number;
  /** The number of snapshots whose content was deleted. */
  readonly snapshots: number;
  /** The compressed size of this content in bytes. */
  readonly snapshotBytes: number;
  /** Whether nothing is left to delete; false if `limit` was reached. */
  readonly done: boolean;
  /** The number of spans and snapshots that were kept because `archivedIn` lacks them, or has other contents. */
  readonly unarchivedCount: number;
  /** These spans and snapshots, with the reasons; at most the first thousand. */
  readonly unarchived: readonly RefusedArtifact[];
  /** The disk usage afterwards. */
  readonly space: StoreSpace;
  /** How the lock was held and waited for. */
  readonly locking: LockingReport;
}

/**
 * Deletes the items of historical spans and the content of historical snapshots. Their records and hashes remain: the
 * export data does not change. Deleted history can only be restored from a copy, by {@link repopulateSwingStore}.
 *
 * **A kernel can use the store meanwhile.** The oldest items are deleted first, in small transactions. However the job
 * ends, each vat keeps the newer part of its history, without gaps, and what `archivedIn` lacks; another call continues.
 * The file does not shrink: see {@link reclaimSwingStoreSpace}.
 *
 * Progress counts spans and snapshots. After an abort, what was deleted stays deleted, and another call continues.
 *
 * @param dirPath  the directory of the store.
 * @throws (rejects) as {@link repopulateSwingStore}; if an option is missing or has the wrong type.
 */
export function pruneSwingStore(dirPath: string, options: PruneOptions): Promise<PruneReport>;

/** Options of {@link reclaimSwingStoreSpace}. */
export interface ReclaimOptions extends WorkOptions {
  /**
   * `rewrite`: rewrite the file (`VACUUM`), while nobody else has the store open. `incremental`: truncate free pages in
   * small transactions, while a kernel runs; only for a file with `auto_vacuum`, which neither this package nor
   * `@agoric/swing-store` creates.
   */
  method?: 'rewrite' | 'incremental' | undefined;

  /** Only report the free space; `method` is then optional. Default: false. */
  dryRun?: boolean | undefined;
}

/** The result of {@link reclaimSwingStoreSpace}. */
export interface ReclaimReport {
  /** The disk usage before. */
  readonly before: StoreSpace;
  /** The disk usage afterwards. */
  readonly after: StoreSpace;
  /** How the lock was held and waited for, with `incremental`. */
  readonly locking: LockingReport;
}

/**
 * Returns the free pages that pruning leaves in the file to the file system. Most stores do not need this, because
 * SQLite reuses free pages.
 *
 * Rewriting reads the content once and writes it twice, and needs disk space for both copies: in SQLite's temporary
 * directory (`SQLITE_TMPDIR`, `TMPDIR`, `/var/tmp`), and next to the store. If it fails, is aborted or is killed, the
 * store is unchanged. The file format does not change.
 *
 * @param dirPath  the directory of the store.
 * @throws (rejects) if the store is open elsewhere, in this process or another (`code` `ERR_SWING_STORE_IN_USE`); if
 *   there is too little disk space (`ENOSPC`, or SQLite's `SQLITE_FULL`); if the method is not possible.
 */
export function reclaimSwingStoreSpace(dirPath: string, options: ReclaimOptions): Promise<ReclaimReport>;

/** The functions of `node:fs`, `node:path` and the package `tmp` that archivers need. */
export interface ArchivePowers {
  /** From `node:fs`. */
  fs: Pick<typeof import('node:fs'), 'createWriteStream' | 'mkdirSync' | 'renameSync'>;
  /** From `node:path`. */
  path: Pick<typeof import('node:path'), 'join'>;
  /** From `tmp`. */
  tmp: {
    /** Creates and opens an empty file with a unique name. */
    fileSync: (options: { tmpdir?: string; prefix?: string; postfix?: string; detachDescriptor?: boolean }) => {
      /** The path of the file. */
      name: string;
      /** The open descriptor. */
      fd: number;
      /** Removes the file. */
      removeCallback: () => void;
    };
  };
}

/**
 * Powers for {@link makeArchiveSnapshot} and {@link makeArchiveTranscript} with which stores of this package write the
 * files in native code, on other threads. This applies only to this object itself; a copy of it is used like any other
 * powers. If an archiver is called as a function, Node.js writes its file.
 */
export const nativeArchivePowers: ArchivePowers;

/**
 * Creates an `archiveSnapshot` callback that writes each snapshot to `{dirPath}/{name}.gz`, atomically.
 *
 * The callback uses the given powers. With {@link nativeArchivePowers}, a store of this package does not call the
 * callback, but writes the file itself, on another thread.
 *
 * @throws if the directory cannot be created. The callback rejects if a file cannot be written.
 */
export function makeArchiveSnapshot(dirPath: string, powers: ArchivePowers): SnapshotCallback;

/**
 * Creates an `archiveTranscript` callback that writes each span to `{dirPath}/{spanName}.gz`, atomically.
 *
 * The callback uses the given powers. With {@link nativeArchivePowers}, a store of this package does not call the
 * callback, but writes the items from the database to the file on another thread.
 *
 * @throws if the directory cannot be created. The callback rejects if a file cannot be written.
 */
export function makeArchiveTranscript(dirPath: string, powers: ArchivePowers): TranscriptCallback;

/** Options of {@link archiveSwingStore}. */
export interface ArchiveSwingStoreOptions extends WorkOptions {
  /**
   * Which spans and snapshots to archive. `debug`: all that are stored. Any other mode: those that an export in this
   * mode contains; the job fails if one is missing. Default: `debug`.
   */
  artifactMode?: ArtifactMode | undefined;

  /**
   * Whether to archive current spans, as of the last commit. They continue to grow, and then have another name.
   * Default: `false`.
   */
  currentSpans?: boolean | undefined;

  /** Whether to compare existing files with the store, and to replace those that differ. Default: `false`. */
  checkExisting?: boolean | undefined;

  /**
   * Whether to continue with spans that end and snapshots that are saved later, until `signal` is aborted. The promise
   * then resolves to the result. A span whose items a kernel deletes as it ends is not seen. Default: `false`.
   */
  watch?: boolean | undefined;
}

/** The result of {@link archiveSwingStore}. */
export interface ArchivedSwingStore {
  /** The number of files that were written. */
  readonly written: number;
  /** The number of written files that replaced a damaged one. */
  readonly replaced: number;
  /** The number of files that already existed and were kept. */
  readonly existing: number;
  /** The number of artifacts that were skipped because no file can have their name. */
  readonly unnamable: number;
  /** The number of bytes that were written, compressed. */
  readonly bytes: number;
}

/**
 * Writes the spans and snapshots of a store to a directory or an object store, each as `{archiveDir}/{name}.gz`, like
 * the callbacks of {@link makeArchiveTranscript} and {@link makeArchiveSnapshot}. Existing files are kept: repeating the
 * job completes an interrupted run and adds new artifacts. A kernel can use the store meanwhile, and archive to the same
 * directory; many nodes can archive to the same URL.
 *
 * Files are written atomically and synced; finished files remain if the job fails or is aborted. Progress counts files,
 * and uncompressed bytes (compressed bytes of snapshots).
 *
 * @param dirPath  the directory of the store.
 * @param archiveDir  the directory to write to, which is created if necessary, and must not be the store's directory; or
 *   a URL: `s3://BUCKET/PATH`, `gs://BUCKET/PATH`, `az://CONTAINER/PATH` or `file:///DIRECTORY`. Credentials come from
 *   the environment variables of the provider.
 * @throws (rejects) if the store lacks something that the mode includes; if a file cannot be written; if an object store
 *   cannot be reached or denies access (`code` `ERR_SWING_STORE_REMOTE`).
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
 * Creates a key-value store over a database, for tools.
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
 * Creates a transcript store over a database, for tools.
 *
 * @param db  a {@link Database}, or an in-memory handle of better-sqlite3 (see {@link ForeignDatabase}).
 * @param ensureTxn  is called before each write; it should begin a transaction if none is open.
 * @param noteExport  receives each change of the export data; `undefined` for a deletion.
 */
export function makeTranscriptStore(
  db: Database | ForeignDatabase,
  ensureTxn: () => void,
  noteExport?: (key: string, value: string | undefined) => void,
  options?: Pick<SwingStoreOptions, 'keepTranscripts' | 'archiveTranscript'>,
): TranscriptStore & TranscriptStoreInternal & TranscriptStoreDebug;

/**
 * Creates a snapshot store over a database, for tools.
 *
 * @param db  a {@link Database}, or an in-memory handle of better-sqlite3 (see {@link ForeignDatabase}).
 * @param ensureTxn  is called before each write; it should begin a transaction if none is open.
 * @param io  see {@link makeSnapStoreIO}.
 * @param noteExport  receives each change of the export data; `undefined` for a deletion.
 */
export function makeSnapStore(
  db: Database | ForeignDatabase,
  ensureTxn: () => void,
  io: SnapStoreIO,
  noteExport?: (key: string, value: string | undefined) => void,
  options?: Pick<SwingStoreOptions, 'keepSnapshots' | 'archiveSnapshot'>,
): SnapStore & SnapStoreInternal & SnapStoreDebug;

/** Returns a clock for {@link makeSnapStore}. */
export function makeSnapStoreIO(): SnapStoreIO;

/**
 * Creates a bundle store over a database, for tools.
 *
 * @param db  a {@link Database}, or an in-memory handle of better-sqlite3 (see {@link ForeignDatabase}).
 * @param ensureTxn  is called before each write; it should begin a transaction if none is open.
 * @param noteExport  receives each change of the export data; `undefined` for a deletion.
 */
export function makeBundleStore(
  db: Database | ForeignDatabase,
  ensureTxn: () => void,
  noteExport?: (key: string, value: string | undefined) => void,
): BundleStore & BundleStoreInternal & BundleStoreDebug;

/**
 * Returns the bundle ID in an artifact name: `b1-…` for `bundle.b1-…`.
 *
 * @throws if `name` is malformed.
 */
export function bundleIDFromName(name: string): string;

/**
 * Returns the owner of a key, according to its prefix: `host.`, `local.`, or any other (`consensus`).
 *
 * @throws if `key` is not a string.
 */
export function getKeyType(key: string): KVStoreKeyType;

/** An alias of {@link getKeyType}, with the name that later versions of `@agoric/swing-store` use. */
export function getKVStoreKeyType(key: string): KVStoreKeyType;

// ---------------------------------------------------------------------------------------------------------------------
// The database
// ---------------------------------------------------------------------------------------------------------------------

/** The result of a statement that returns no rows. */
export interface RunResult {
  /** The number of rows that were inserted, changed or deleted. */
  changes: number;
  /** The rowid of the last inserted row on this connection. */
  lastInsertRowid: number | bigint;
}

/** A column of a statement's result. */
export interface ColumnDefinition {
  /** The name in the result. */
  name: string;
  /** The column of the table; `null` for an expression. */
  column: string | null;
  /** The table; `null` for an expression. */
  table: string | null;
  /** The database; `null` for an expression. */
  database: string | null;
  /** The declared type in the table; `null` for an expression. */
  type: string | null;
}

/**
 * A prepared statement.
 *
 * Parameters for `?` are passed as arguments or arrays; parameters for `:x`, `@x` and `$x` in an object; or both. A
 * value is a string, a number, a bigint, `null` or bytes.
 *
 * Methods throw if a parameter is missing, superfluous or cannot be stored; if the method does not suit the statement
 * (`run` is for statements without rows, `get`, `all` and `iterate` for those with rows); if the database is closed;
 * and on all errors of SQLite.
 */
export interface Statement<BindParameters extends unknown[] = unknown[], Result = unknown> {
  /** The database of the statement. */
  readonly database: Database;
  /** The SQL text. */
  readonly source: string;
  /** Whether the statement returns rows. */
  readonly reader: boolean;
  /** Whether the statement does not change the database. */
  readonly readonly: boolean;
  /** Whether an iteration over its rows is in progress. */
  readonly busy: boolean;

  /** Executes a statement that returns no rows. */
  run(...params: BindParameters): RunResult;
  /** Returns the first row, or `undefined` if there is none. */
  get(...params: BindParameters): Result | undefined;
  /** Returns all rows. */
  all(...params: BindParameters): Result[];
  /** Returns the rows one by one. Leaving a `for` loop early ends the query. */
  iterate(...params: BindParameters): IterableIterator<Result>;
  /** Returns the first column instead of a row from now on, or no longer if `false`. Returns this statement. */
  pluck(toggleState?: boolean): this;
  /** Returns rows as arrays instead of objects from now on, or no longer if `false`. Returns this statement. */
  raw(toggleState?: boolean): this;
  /** Returns the columns of the result. */
  columns(): ColumnDefinition[];

  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  bind(...params: unknown[]): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  expand(toggleState?: boolean): never;
  /** Not available; declared so that this fits better-sqlite3's type. @throws always. */
  safeIntegers(toggleState?: boolean): never;
}

/**
 * The parameters of a function, as better-sqlite3's types declare them.
 *
 * @typeParam F  the type of the function
 */
type ArgumentsOf<F extends (...params: any[]) => unknown> = F extends (...args: infer A) => unknown ? A : never;

/**
 * A function that runs in a transaction, which is committed when the function returns and rolled back when it throws.
 * Within another transaction, it uses a savepoint. The variants differ in how the transaction begins; plain calls are
 * `deferred`.
 *
 * @typeParam F  the type of the function
 */
export interface Transaction<F extends (...params: any[]) => unknown> {
  (...params: ArgumentsOf<F>): ReturnType<F>;
  /** The same as a plain call. */
  default(...params: ArgumentsOf<F>): ReturnType<F>;
  /** Takes no lock until a statement needs one. */
  deferred(...params: ArgumentsOf<F>): ReturnType<F>;
  /** Takes the write lock immediately. */
  immediate(...params: ArgumentsOf<F>): ReturnType<F>;
  /** Takes the write lock immediately, like `immediate` in WAL mode. */
  exclusive(...params: ArgumentsOf<F>): ReturnType<F>;
}

/** Options of `pragma`. */
export interface PragmaOptions {
  /** Return only the first column of the first row. Default: false. */
  simple?: boolean | undefined;
}

/** Options of {@link Database}. */
export interface DatabaseOptions {
  /** Open the database read-only. Default: false. */
  readonly?: boolean | undefined;
  /** Throw if the file does not exist, instead of creating it. Default: false. */
  fileMustExist?: boolean | undefined;
  /**
   * The time to wait for another connection's lock before failing with `SQLITE_BUSY`, in milliseconds. Default: 5000.
   */
  timeout?: number | undefined;
  /** An option of better-sqlite3 that this package rejects: statements are not reported. */
  verbose?: undefined;
  /** The path of better-sqlite3's binary. It is ignored, because this package has its own. */
  nativeBinding?: string | undefined;
}

/**
 * A connection to a SQLite database, with the part of better-sqlite3's interface that tools for swing-stores use. It is
 * compatible with better-sqlite3's type of the same name.
 *
 * Do not open a file with this package and with another SQLite library in the same process: file locks belong to
 * processes, and one library's `close` releases the other's locks. Opening a file that another library has open throws
 * (`ERR_SWING_STORE_OTHER_LIBRARY`).
 */
export interface Database {
  /** Whether the database is in memory or temporary. */
  readonly memory: boolean;
  /** Whether the database was opened read-only. */
  readonly readonly: boolean;
  /** The file name as given; `:memory:` for a database in memory. */
  readonly name: string;
  /** Whether the connection is open. */
  readonly open: boolean;
  /** Whether a transaction is open. */
  readonly inTransaction: boolean;

  /**
   * Compiles an SQL statement.
   *
   * @throws if the SQL is invalid or has several statements, or the database is closed.
   */
  prepare<BindParameters extends unknown[] | {} = unknown[], Result = unknown>(
    source: string,
  ): BindParameters extends unknown[] ? Statement<BindParameters, Result> : Statement<[BindParameters], Result>;

  /**
   * Wraps a function in a transaction; see {@link Transaction}.
   *
   * @typeParam F  the type of the function
   * @throws if `fn` is not a function.
   */
  transaction<F extends (...params: any[]) => unknown>(fn: F): Transaction<F>;

  /**
   * Executes any number of SQL statements and discards their results. Returns this database.
   *
   * @throws at the first statement that fails; earlier ones remain in effect.
   */
  exec(source: string): this;

  /**
   * Executes a pragma, given without the word `PRAGMA`.
   *
   * @returns its rows as objects, or with `simple` the single value.
   */
  pragma(source: string, options?: PragmaOptions): unknown;

  /** Returns the database as bytes; `new Database(bytes)` creates a database in memory from them. */
  serialize(options?: { attached?: 'main' | undefined }): Buffer;

  /** Closes the connection and rolls back an open transaction. Does nothing if it is closed. Returns this database. */
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
 * The part of a better-sqlite3 handle that the `make…Store` functions use. The handle must be in memory: handles on
 * files are rejected. Its content moves into a {@link Database}, and its methods become those of that database, so that
 * the handle's owner and the sub-store see the same rows in the same transaction.
 */
export interface ForeignDatabase {
  /** Whether the database is in memory. If not, it is rejected. */
  readonly memory: boolean;
  /** Whether a transaction is open. The first sub-store must be created while none is. */
  readonly inTransaction: boolean;
  /**
   * Compiles an SQL statement. Statements that were prepared before the first sub-store was created fail afterwards.
   */
  prepare(source: string): unknown;
  /** Executes SQL statements. */
  exec(source: string): unknown;
  /** Executes a pragma. */
  pragma(source: string): unknown;
  /** Returns the database as bytes. */
  serialize(): Uint8Array;
  /** Closes the handle and the database to which its content moved. */
  close(): unknown;
}

/** The type of the value {@link Database}: a class that can also be called as a function. */
export interface DatabaseConstructor {
  /**
   * Opens a database.
   *
   * @param filenameOrBuffer  a file, which is created if necessary; `:memory:`, an empty string or nothing for a
   *   database that lasts as long as the connection; or the bytes of a database (see `serialize`) to use in memory.
   * @throws if the file cannot be opened, or an option is unknown or has the wrong type.
   */
  new (filenameOrBuffer?: string | Buffer, options?: DatabaseOptions): Database;
  /** The same without `new`. */
  (filenameOrBuffer?: string | Buffer, options?: DatabaseOptions): Database;
  /** The prototype, for `instanceof`. */
  readonly prototype: Database;
}

/** Opens SQLite databases, with or without `new`. */
export const Database: DatabaseConstructor;
