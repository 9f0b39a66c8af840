/**
 * Holds our types to the reference's: what is typed by one package is usable where the other's type is asked for. This
 * file is compiled and never run.
 *
 * The reference has its types in JSDoc. Where those are loose the comments below say so; each such place is cut out of
 * the comparison by name, so that the rest of the type still counts.
 */
import type * as ours from 'swing-store-native';
import type * as reference from '@agoric/swing-store';
import type BetterSqlite3 from 'better-sqlite3';

/** `any` fits everything, so a type that turned into it would make this file prove nothing. */
type IsAny<T> = 0 extends 1 & T ? true : false;

/** Compiles if a value of the second type may stand where the first is expected, and neither is `any`. */
declare function accepts<Expected, Given extends Expected>(
  neitherIsAny: IsAny<Expected> | IsAny<Given> extends false ? 'fits' : never,
): void;

// --- Types that may take each other's place --------------------------------------------------------------------------

accepts<ours.KVStore, reference.KVStore>('fits');
accepts<reference.KVStore, ours.KVStore>('fits');

accepts<ours.TranscriptStore, reference.TranscriptStore>('fits');
accepts<reference.TranscriptStore, ours.TranscriptStore>('fits');

accepts<ours.SnapStore, reference.SnapStore>('fits');
accepts<reference.SnapStore, ours.SnapStore>('fits');

accepts<ours.SnapStoreDebug, reference.SnapStoreDebug>('fits');
accepts<reference.SnapStoreDebug, ours.SnapStoreDebug>('fits');

accepts<ours.SnapshotResult, reference.SnapshotResult>('fits');
accepts<reference.SnapshotResult, ours.SnapshotResult>('fits');

accepts<ours.SnapshotInfo, reference.SnapshotInfo>('fits');
accepts<reference.SnapshotInfo, ours.SnapshotInfo>('fits');

accepts<ours.BundleStore, reference.BundleStore>('fits');
accepts<reference.BundleStore, ours.BundleStore>('fits');

accepts<ours.ArtifactMode, reference.ArtifactMode>('fits');
accepts<reference.ArtifactMode, ours.ArtifactMode>('fits');

accepts<ours.SwingStoreKernelStorage, reference.SwingStoreKernelStorage>('fits');
accepts<reference.SwingStoreKernelStorage, ours.SwingStoreKernelStorage>('fits');

accepts<ours.SwingStoreHostStorage, reference.SwingStoreHostStorage>('fits');
accepts<reference.SwingStoreHostStorage, ours.SwingStoreHostStorage>('fits');

accepts<ours.SwingStoreExporter, reference.SwingStoreExporter>('fits');
accepts<reference.SwingStoreExporter, ours.SwingStoreExporter>('fits');

accepts<ours.ExportSwingStoreOptions, reference.ExportSwingStoreOptions>('fits');
accepts<reference.ExportSwingStoreOptions, ours.ExportSwingStoreOptions>('fits');

// The reference's declares `artifactMode` alone, though the function hands the rest on as options of the store; ours
// declares those too. All are optional, so either may stand for the other.
accepts<ours.ImportSwingStoreOptions, reference.ImportSwingStoreOptions>('fits');
accepts<reference.ImportSwingStoreOptions, ours.ImportSwingStoreOptions>('fits');

// `SwingStoreOptions` is not among the reference's exports; it is the second parameter of its functions.
type ReferenceStoreOptions = NonNullable<Parameters<typeof reference.openSwingStore>[1]>;
accepts<ours.SwingStoreOptions, ReferenceStoreOptions>('fits');
accepts<ReferenceStoreOptions, ours.SwingStoreOptions>('fits');

// --- SwingStore ------------------------------------------------------------------------------------------------------

// Of a store, ours is the narrower type, so only one direction holds for the whole:
// - `debug` lacks `getDatabase` in the reference, and its dump has no `bundles` and `{}` for all the rest;
// - `internal` lacks `asFile` there, and the kernel's methods of the sub-stores, which are there when it runs.
accepts<reference.SwingStore, ours.SwingStore>('fits');
accepts<Pick<ours.SwingStore, 'kernelStorage' | 'hostStorage'>, reference.SwingStore>('fits');
accepts<Pick<ours.SwingStoreDebugTools, 'serialize'>, reference.SwingStore['debug']>('fits');
accepts<Pick<ours.SwingStoreInternal, 'dirPath' | 'kvStore'>, reference.SwingStore['internal']>('fits');
accepts<ours.TranscriptStoreInternal, reference.SwingStore['internal']['transcriptStore']>('fits');
accepts<ours.SnapStoreInternal, reference.SwingStore['internal']['snapStore']>('fits');
accepts<ours.BundleStoreInternal, reference.SwingStore['internal']['bundleStore']>('fits');

// --- Functions: ours are assignable to the reference's types ---------------------------------------------------------

accepts<typeof reference.initSwingStore, typeof ours.initSwingStore>('fits');
accepts<typeof reference.openSwingStore, typeof ours.openSwingStore>('fits');

accepts<typeof reference.isSwingStore, typeof ours.isSwingStore>('fits');
accepts<typeof reference.makeSwingStoreExporter, typeof ours.makeSwingStoreExporter>('fits');
accepts<typeof reference.importSwingStore, typeof ours.importSwingStore>('fits');
accepts<typeof reference.makeSnapStoreIO, typeof ours.makeSnapStoreIO>('fits');
accepts<typeof reference.getKeyType, typeof ours.getKeyType>('fits');

// The reference takes `tmp` as its JavaScript declares itself, where a file descriptor is a string and every option is
// required; that power is left out of the comparison, `fs` and `path` are in it.
type Powers<F extends (dirPath: string, powers: never) => unknown> = Omit<Parameters<F>[1], 'tmp'>;
accepts<Powers<typeof ours.makeArchiveSnapshot>, Powers<typeof reference.makeArchiveSnapshot>>('fits');
accepts<ReturnType<typeof reference.makeArchiveSnapshot>, ReturnType<typeof ours.makeArchiveSnapshot>>('fits');
accepts<Powers<typeof ours.makeArchiveTranscript>, Powers<typeof reference.makeArchiveTranscript>>('fits');
accepts<ReturnType<typeof reference.makeArchiveTranscript>, ReturnType<typeof ours.makeArchiveTranscript>>('fits');

// The reference leaves the type of `name` out (`any`), and returns whatever came in: `any` again.
accepts<(name: string) => string, typeof ours.bundleIDFromName>('fits');
accepts<typeof reference.bundleIDFromName, typeof ours.bundleIDFromName>('fits');

// `db` is `object` in the reference's `makeKVStore` and `any` in the others, so the first parameter is cut off. What is
// better-sqlite3's, and ours, may be given to each.
type WithoutFirst<F> = F extends (first: any, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;
accepts<WithoutFirst<typeof reference.makeKVStore>, WithoutFirst<typeof ours.makeKVStore>>('fits');
accepts<WithoutFirst<typeof reference.makeTranscriptStore>, WithoutFirst<typeof ours.makeTranscriptStore>>('fits');
accepts<WithoutFirst<typeof reference.makeSnapStore>, WithoutFirst<typeof ours.makeSnapStore>>('fits');
accepts<WithoutFirst<typeof reference.makeBundleStore>, WithoutFirst<typeof ours.makeBundleStore>>('fits');
type First<F extends (db: never, ...rest: never[]) => unknown> = Parameters<F>[0];
type Over =
  | First<typeof ours.makeKVStore>
  | First<typeof ours.makeTranscriptStore>
  | First<typeof ours.makeSnapStore>
  | First<typeof ours.makeBundleStore>;
accepts<First<typeof ours.makeKVStore> & Over, BetterSqlite3.Database>('fits');
accepts<First<typeof ours.makeKVStore> & Over, ours.Database>('fits');

// Nothing that the reference exports is missing from ours. (Type-only exports are the imports by name above.)
accepts<keyof typeof ours, keyof typeof reference>('fits');

// --- Database: fits better-sqlite3's type, and does a part of it -------------------------------------------------------

accepts<BetterSqlite3.Database, ours.Database>('fits');
accepts<BetterSqlite3.Database, ours.SwingStore['internal']['db']>('fits');
accepts<reference.SwingStore['internal']['db'], ours.SwingStore['internal']['db']>('fits');
accepts<BetterSqlite3.Statement, ours.Statement>('fits');
type Add = (a: number, b: number) => number;
accepts<BetterSqlite3.Transaction<Add>, ours.Transaction<Add>>('fits');
accepts<ours.Transaction<Add>, BetterSqlite3.Transaction<Add>>('fits');

// The other way round, what this package does not do is declared to return nothing (`never`). It is cut out, and so are
// methods that return the object itself, which drag all of it along; `caller.mts` uses those.
type Unavailable =
  | 'function'
  | 'aggregate'
  | 'table'
  | 'backup'
  | 'loadExtension'
  | 'defaultSafeIntegers'
  | 'unsafeMode'
  | 'bind'
  | 'expand'
  | 'safeIntegers';
type DatabasePart = Exclude<keyof ours.Database, Unavailable | 'prepare' | 'transaction' | 'exec' | 'close'>;
accepts<Pick<ours.Database, DatabasePart>, BetterSqlite3.Database>('fits');
type StatementPart = Exclude<keyof ours.Statement, Unavailable | 'database' | 'pluck' | 'raw'>;
accepts<Pick<ours.Statement, StatementPart>, BetterSqlite3.Statement>('fits');
