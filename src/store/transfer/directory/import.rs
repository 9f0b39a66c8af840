//! Making a store from an export.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::artifacts::{Import, StoreStep};
use super::data::Entry;
use super::export_files::ExportFiles;
use super::gate::Gate;
use super::manifest::Manifest;
use super::records::{KeptRecords, is_kv};
use super::{data, paths};
use crate::store::database::hints::WithFile;
use crate::store::database::staging::Staged;
use crate::store::database::{Database, SharedDatabase};
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::names::RECORD_PREFIX;
use crate::store::substores::kv::{KeyType, kernel_key_type};
use crate::store::substores::{ChangeTarget, Store, StoreOptions};
use crate::store::tasks::lock::lock_watched;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::parallel;
use crate::store::transfer::shortfall::Incomplete;

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
    /// Whether [`import_from_directory`](super::import_from_directory) may replace a store of a later
    /// block.
    pub go_back: bool,
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
        let found = ExportFiles::in_directory(directory)?;
        if let Ok(store) = store.canonicalize()
            && found.directory.starts_with(&store)
        {
            return Err(Fault::nested(&found.directory, &store));
        }
        found.check_height(options.block_height)?;
        found.check_data()?;
        let mode = choose_mode(&found.manifest, options.mode)?;
        let data = found.data()?;
        let ExportFiles {
            directory,
            manifest,
        } = found;
        let mut manifest = manifest;
        let artifacts = std::mem::take(&mut manifest.artifacts).into_iter();
        let artifacts = artifacts
            .map(|(name, file)| Ok((name, paths::find(&directory, &file)?)))
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

    /// Which artifacts are taken.
    pub fn mode(&self) -> ArtifactMode {
        self.mode
    }

    /// How many artifacts there are.
    pub fn artifacts(&self) -> usize {
        self.artifacts.len()
    }

    /// Fills a staged database, in which everything is committed in the end, but which is for the
    /// caller to publish, and then to say that all is done.
    ///
    /// # Errors
    /// For the first thing in the export that is not as it should be, as importing it piece by
    /// piece into a [`Store`] would; [`Error::Aborted`]; [`Error::Io`]; SQLite's errors.
    pub fn import(&self, staged: &Staged, monitor: &Monitor) -> Result<()> {
        let imported = self.import_into(staged, monitor);
        imported.with_file(Some(staged.final_file()))
    }

    fn import_into(&self, staged: &Staged, monitor: &Monitor) -> Result<()> {
        monitor.check()?;
        monitor.set_total(self.artifacts.len() + 1);
        let db = staged.database();
        Store::initialize(db, Some(true))?;
        staged.defer_sync()?;
        db.lock()
            .execute(&format!("PRAGMA cache_size=-{CACHE_KIB}"))?;
        let options = StoreOptions {
            change_target: ChangeTarget::Discard,
            ..StoreOptions::default()
        };
        let store = Mutex::new(Store::over(db.clone(), options)?);
        lock_watched(&store).begin()?;
        monitor.begin(Stage::Working);
        self.fill(&store, db, monitor)?;
        monitor.begin(Stage::Finishing);
        // What is needed to run must be there even if only `debug` was asked for.
        let mode = match self.mode {
            ArtifactMode::Debug => ArtifactMode::Operational,
            mode => mode,
        };
        let mut store = lock_watched(&store);
        let complete = store
            .check_bundles(mode)
            .and_then(|()| store.check_transcripts(mode))
            .and_then(|()| store.check_snapshots(mode));
        complete.map_err(|error| Incomplete::Export.explain(&db.lock(), mode, error))?;
        monitor.check()?;
        store.commit()
    }

    fn fill(&self, store: &Mutex<Store>, db: &SharedDatabase, monitor: &Monitor) -> Result<()> {
        let gate = Gate::default();
        let import = Import {
            with_store: &|step: StoreStep<'_>| step(&mut lock_watched(store)),
            mode: self.mode,
            records: || gate.pass(),
            monitor,
        };
        let artifact = |index: usize| {
            monitor.check()?;
            let (name, path) = &self.artifacts[index];
            monitor.tell(|| format!("importing {}", String::from_utf8_lossy(name)));
            import.store(name, path)?;
            monitor.finish_piece();
            Ok(())
        };
        let records = || {
            // Whatever happens, those who wait at the gate get to know.
            let gate = gate.keeper();
            monitor.tell(|| "importing the export data".into());
            self.import_records(store, db, monitor)?;
            monitor.finish_piece();
            gate.open();
            Ok(())
        };
        parallel::run(self.artifacts.len(), artifact, records)
    }

    /// Stores the export data: key-value entries as they come, of all other records the last one
    /// of each key.
    fn import_records(
        &self,
        store: &Mutex<Store>,
        db: &SharedDatabase,
        monitor: &Monitor,
    ) -> Result<()> {
        let records = KeptRecords::begin(db)?;
        data::read(&self.data, monitor, |batch| {
            let db = db.lock();
            for entry in &batch {
                match is_kv(&entry.0) {
                    true => set_key(&db, entry, self.note_exports)?,
                    false => records.keep(&db, entry)?,
                }
            }
            Ok(())
        })?;
        records.take(monitor, |batch| {
            let mut store = lock_watched(store);
            batch
                .iter()
                .try_for_each(|(key, value)| import_record(&mut store, key, value))
        })
    }
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
        db.add_pending_export_to_table(&[RECORD_PREFIX, key].concat(), value.as_deref())?;
    }
    Ok(())
}

fn import_record(store: &mut Store, key: &[u8], value: &[u8]) -> Result<()> {
    match names::kind(key) {
        b"bundle" => store.import_bundle_record(key, value),
        b"snapshot" => store.import_snapshot_record(key, value),
        b"transcript" => store.import_span_record(key, value),
        _ => Err(Error::unknown_record(key)),
    }
}
