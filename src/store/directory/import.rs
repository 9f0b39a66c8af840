//! Making a store from an export.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::params;

use super::MANIFEST_NAME;
use super::artifacts::{Import, StoreStep};
use super::data::{self, Entry};
use super::fault::Fault;
use super::gate::Gate;
use super::manifest::Manifest;
use super::paths;
use crate::store::artifact::{self, ArtifactMode};
use crate::store::error::{Error, Result};
use crate::store::kv::{KeyType, RECORD_PREFIX, kernel_key_type};
use crate::store::limits::limits;
use crate::store::pool;
use crate::store::progress::{Monitor, Stage};
use crate::store::span_reader::SqlText;
use crate::store::{Database, NoteTo, SharedDatabase, Staged, Store, StoreOptions};

/// SQLite's page cache while a store is being filled, in KiB.
const CACHE_KIB: usize = 16 << 10;

/// What to import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Which artifacts to take and to insist on; `None` for those that the export was made with.
    pub mode: Option<ArtifactMode>,
    /// The block that the export must be of.
    pub block_height: Option<f64>,
    /// Whether all that is set is noted for the export callback.
    pub note_exports: bool,
}

/// An export in a directory, found to be one.
#[derive(Debug)]
pub struct ExportDirectory {
    manifest: Manifest,
    mode: ArtifactMode,
    data: PathBuf,
    /// The artifacts' names and files, in the manifest's order.
    artifacts: Vec<(Vec<u8>, PathBuf)>,
    note_exports: bool,
}

impl ExportDirectory {
    /// Looks at an export that is to become the store in `store`, without changing anything.
    ///
    /// # Errors
    /// [`Error::Directory`] if the manifest is malformed, or names what must not be read, or the
    /// export is not the one that is wanted; [`Error::Io`].
    pub fn open(
        directory: &Path,
        store: &Path,
        options: &ImportOptions,
    ) -> Result<ExportDirectory> {
        let directory = directory.canonicalize().map_err(|error| {
            Error::io(
                format!("looking for the export {}", directory.display()),
                &error,
            )
        })?;
        if let Ok(store) = store.canonicalize()
            && directory.starts_with(&store)
        {
            return Err(Fault::nested(&directory, &store));
        }
        let path = directory.join(MANIFEST_NAME);
        if !path.exists() {
            return Err(Error::io(
                format!("looking for the manifest {}", path.display()),
                &std::io::Error::from_raw_os_error(2),
            ));
        }
        let path = paths::find(&directory, MANIFEST_NAME.as_bytes())?;
        let manifest = Manifest::read(&path)?;
        if let Some(expected) = options.block_height
            && expected != manifest.block_height
        {
            return Err(Fault::height(
                "the export is",
                manifest.block_height,
                expected,
            ));
        }
        let Some(data) = &manifest.data else {
            return Err(Fault::manifest(
                &path,
                "it names no export data, without which nothing can be imported. Export again \
                 with it",
            ));
        };
        let mode = choose_mode(&manifest, options.mode)?;
        let data = paths::find(&directory, data)?;
        let artifacts = manifest
            .artifacts
            .iter()
            .map(|(name, file)| Ok((name.clone(), paths::find(&directory, file)?)))
            .collect::<Result<_>>()?;
        Ok(ExportDirectory {
            manifest,
            mode,
            data,
            artifacts,
            note_exports: options.note_exports,
        })
    }

    /// The height of the block that was exported.
    pub fn block_height(&self) -> f64 {
        self.manifest.block_height
    }

    /// Fills a staged database, in which everything is committed in the end, but which is for the
    /// caller to publish.
    ///
    /// # Errors
    /// For the first thing in the export that is not as it should be, as importing it piece by
    /// piece into a [`Store`] would; [`Error::Aborted`]; [`Error::Io`]; SQLite's errors.
    pub fn import(&self, staged: &Staged, monitor: &Monitor) -> Result<()> {
        monitor.check()?;
        monitor.set_total(self.artifacts.len() + 1);
        let db = staged.database();
        Store::initialize(db, Some(true))?;
        staged.relax()?;
        db.lock()
            .execute(&format!("PRAGMA cache_size=-{CACHE_KIB}"))?;
        let options = StoreOptions {
            note_to: NoteTo::Nobody,
            ..StoreOptions::default()
        };
        let store = Mutex::new(Store::over(db.clone(), options)?);
        lock(&store).begin()?;
        monitor.begin(Stage::Working);
        self.fill(&store, db, monitor)?;
        monitor.begin(Stage::Finishing);
        // What is needed to run must be there even if only `debug` was asked for.
        let mode = match self.mode {
            ArtifactMode::Debug => ArtifactMode::Operational,
            mode => mode,
        };
        let mut store = lock(&store);
        store.check_bundles(mode)?;
        store.check_transcripts(mode)?;
        store.check_snapshots(mode)?;
        monitor.check()?;
        store.commit()?;
        monitor.begin(Stage::Done);
        Ok(())
    }

    fn fill(&self, store: &Mutex<Store>, db: &SharedDatabase, monitor: &Monitor) -> Result<()> {
        let gate = Gate::default();
        let import = Import {
            with_store: &|step: StoreStep<'_>| step(&mut lock(store)),
            mode: self.mode,
            records: || gate.pass(),
            monitor,
        };
        let artifact = |index: usize| {
            monitor.check()?;
            let (name, path) = &self.artifacts[index];
            import.store(name, path)?;
            monitor.finish_piece();
            Ok(())
        };
        let records = || {
            // Whatever happens, those who wait at the gate get to know.
            let gate = gate.keeper();
            self.import_records(store, db, monitor)?;
            monitor.finish_piece();
            gate.open();
            Ok(())
        };
        pool::run(self.artifacts.len(), artifact, records)
    }

    /// Stores the export data: key-value entries as they come, of all other records the last one
    /// of each key.
    fn import_records(
        &self,
        store: &Mutex<Store>,
        db: &SharedDatabase,
        monitor: &Monitor,
    ) -> Result<()> {
        db.lock().execute(
            "CREATE TEMP TABLE importedRecords (
               place INTEGER PRIMARY KEY, key TEXT UNIQUE, value TEXT
             )",
        )?;
        data::read(&self.data, monitor, |batch| {
            let db = db.lock();
            for entry in &batch {
                if entry.0 == b"kv" || entry.0.starts_with(b"kv.") {
                    set_key(&db, entry, self.note_exports)?;
                } else {
                    keep_record(&db, entry)?;
                }
            }
            Ok(())
        })?;
        let mut place = i64::MIN;
        loop {
            monitor.check()?;
            let batch = kept_records(&db.lock(), place)?;
            let Some((last, _, _)) = batch.last() else {
                break;
            };
            place = *last;
            let mut store = lock(store);
            for (_, key, value) in &batch {
                import_record(&mut store, key, value)?;
            }
        }
        db.lock().execute("DROP TABLE importedRecords")
    }
}

fn lock(store: &Mutex<Store>) -> std::sync::MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The mode that is asked for, if the export has what it needs; otherwise the export's own.
fn choose_mode(manifest: &Manifest, wanted: Option<ArtifactMode>) -> Result<ArtifactMode> {
    let found = match manifest.artifact_mode.as_deref() {
        // It was left to the exporter, or not written down yet when the export was made.
        None => return Ok(wanted.unwrap_or(ArtifactMode::Operational)),
        Some(name) => ArtifactMode::parse(name.as_bytes(), b"").ok(),
    };
    match (wanted, found) {
        (None, Some(found)) => Ok(found),
        (Some(ArtifactMode::Debug), Some(_)) => Ok(ArtifactMode::Debug),
        (Some(wanted), Some(found)) if wanted <= found => Ok(wanted),
        (wanted, found) => Err(Fault::insufficient(
            wanted.unwrap_or(ArtifactMode::Operational).name(),
            found.map_or("none", ArtifactMode::name),
        )),
    }
}

/// Sets or deletes a key, as the kernel would.
fn set_key(db: &Database, (name, value): &Entry, note_export: bool) -> Result<()> {
    let key = name.get(3..).unwrap_or_default();
    let key_type = kernel_key_type(key)?;
    db.kv_write_through(key, value.as_deref())?;
    if note_export && key_type == KeyType::Consensus {
        db.note_pending_in_table(&[RECORD_PREFIX, key].concat(), value.as_deref())?;
    }
    Ok(())
}

/// Keeps a record until all have been read, because a later one may replace or delete it.
fn keep_record(db: &Database, (key, value): &Entry) -> Result<()> {
    match value {
        Some(value) => db.run(
            "INSERT INTO importedRecords (key, value) VALUES (?, ?)
             ON CONFLICT DO UPDATE SET value = excluded.value",
            params![SqlText(key), SqlText(value)],
        )?,
        None => db.run(
            "DELETE FROM importedRecords WHERE key = ?",
            params![SqlText(key)],
        )?,
    };
    Ok(())
}

/// A place, a key and a value.
type Kept = (i64, Vec<u8>, Vec<u8>);

/// The next records behind a place, in the order in which their keys first came.
fn kept_records(db: &Database, place: i64) -> Result<Vec<Kept>> {
    let mut statement =
        db.prepare("SELECT place, key, value FROM importedRecords WHERE place > ? ORDER BY place")?;
    let mut rows = statement.query(params![place])?;
    let mut batch: Vec<Kept> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let key = row.get_ref(1)?.as_bytes()?.to_vec();
        let value = row.get_ref(2)?.as_bytes()?.to_vec();
        bytes += key.len() + value.len();
        batch.push((row.get(0)?, key, value));
        if bytes >= limits().record_batch_bytes {
            break;
        }
    }
    Ok(batch)
}

fn import_record(store: &mut Store, key: &[u8], value: &[u8]) -> Result<()> {
    match artifact::kind(key) {
        b"bundle" => store.import_bundle_record(key, value),
        b"snapshot" => store.import_snapshot_record(key, value),
        b"transcript" => store.import_span_record(key, value),
        kind => Err(Error::UnknownOnImport {
            what: "export-data",
            kind: kind.to_vec(),
        }),
    }
}
