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
// - `internal` lacks `asFile` there, and the kernel's methods of the sub-stores, which are there when it runs;
// - `internal.db` is better-sqlite3's whole interface there; ours promises the part of it that we have.
type WithoutDatabase<Store extends { internal: { db: unknown } }> = Omit<Store, 'internal'> & {
  internal: Omit<Store['internal'], 'db'>;
};
type OurStore = WithoutDatabase<ours.SwingStore>;
type ReferenceStore = WithoutDatabase<reference.SwingStore>;

accepts<ReferenceStore, OurStore>('fits');
accepts<Pick<ours.SwingStore, 'kernelStorage' | 'hostStorage'>, reference.SwingStore>('fits');
accepts<Pick<ours.SwingStoreDebugTools, 'serialize'>, reference.SwingStore['debug']>('fits');
accepts<Pick<ours.SwingStoreInternal, 'dirPath' | 'kvStore'>, reference.SwingStore['internal']>('fits');
accepts<ours.TranscriptStoreInternal, reference.SwingStore['internal']['transcriptStore']>('fits');
accepts<ours.SnapStoreInternal, reference.SwingStore['internal']['snapStore']>('fits');
accepts<ours.BundleStoreInternal, reference.SwingStore['internal']['bundleStore']>('fits');

// --- Functions: ours may be handed to whoever expects the reference's ------------------------------------------------

// With the one exception named above, `internal.db`.
type Opens<F extends (...args: never[]) => { internal: { db: unknown } }> = (
  ...args: Parameters<F>
) => WithoutDatabase<ReturnType<F>>;
accepts<Opens<typeof reference.initSwingStore>, Opens<typeof ours.initSwingStore>>('fits');
accepts<Opens<typeof reference.openSwingStore>, Opens<typeof ours.openSwingStore>>('fits');

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

// `db` is `object` in the reference's `makeKVStore` and `any` in the others; ours asks for a `Database`, so the first
// parameter is cut off.
type WithoutFirst<F> = F extends (first: any, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;
accepts<WithoutFirst<typeof reference.makeKVStore>, WithoutFirst<typeof ours.makeKVStore>>('fits');
accepts<WithoutFirst<typeof reference.makeTranscriptStore>, WithoutFirst<typeof ours.makeTranscriptStore>>('fits');
accepts<WithoutFirst<typeof reference.makeSnapStore>, WithoutFirst<typeof ours.makeSnapStore>>('fits');
accepts<WithoutFirst<typeof reference.makeBundleStore>, WithoutFirst<typeof ours.makeBundleStore>>('fits');

// Nothing that the reference exports is missing from ours. (Type-only exports are the imports by name above.)
accepts<keyof typeof ours, keyof typeof reference>('fits');

// --- Database: a part of better-sqlite3's interface ------------------------------------------------------------------

// `prepare` is generic, and the methods that return the object itself drag all of it along; those are left to
// `caller.mts`, which uses them.
type DatabasePart = Exclude<keyof ours.Database, 'prepare' | 'transaction' | 'exec' | 'close'>;
accepts<Pick<BetterSqlite3.Database, DatabasePart>, Pick<ours.Database, DatabasePart>>('fits');
accepts<Pick<ours.Database, DatabasePart | 'prepare'>, BetterSqlite3.Database>('fits');

type StatementPart = Exclude<keyof ours.Statement, 'pluck' | 'raw'>;
accepts<Pick<BetterSqlite3.Statement, StatementPart>, Pick<ours.Statement, StatementPart>>('fits');
accepts<ours.Statement, BetterSqlite3.Statement>('fits');

// better-sqlite3's transactions have a fourth variant, `default`, which is the plain call.
type Add = (a: number, b: number) => number;
accepts<Omit<BetterSqlite3.Transaction<Add>, 'default'>, ours.Transaction<Add>>('fits');
accepts<ours.Transaction<Add>, BetterSqlite3.Transaction<Add>>('fits');

accepts<BetterSqlite3.Options, ours.DatabaseOptions>('fits');
