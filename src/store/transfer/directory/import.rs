//! Imports an export directory into a staged database.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Deserialize;

use super::artifact_file::ArtifactFile;
use super::artifacts::{Import, StoreStep};
use super::data;
use super::data::Entry;
use super::data::is_kv;
use super::export_files::ExportFiles;
use super::gate::Gate;
use super::layout::MANIFEST_NAME;
use super::manifest::Manifest;
use super::records::LatestRecords;
use crate::store::database::hints::WithFile;
use crate::store::database::locate::file_in_directory;
use crate::store::database::staging::Staged;
use crate::store::database::{Database, SharedDatabase};
use crate::store::error::directory::Fault;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::names::RECORD_PREFIX;
use crate::store::substores::kv::{KeyType, kernel_key_type};
use crate::store::substores::{ChangeTarget, HistoricalSpans, Store, StoreOptions};
use crate::store::tasks::lock::lock_watched;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::parallel;
use crate::store::transfer::incomplete::Incomplete;

/// How to import.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ImportOptions {
    /// Which artifacts to import, and to require; `None` for the mode of the export.
    #[serde(rename = "artifactMode")]
    pub mode: Option<ArtifactMode>,
    /// The block height that the export must have.
    pub block_height: Option<f64>,
    /// Whether every set key is recorded for the export callback.
    pub record_exports: bool,
    /// How the items of historical spans are stored.
    pub historical_spans: HistoricalSpans,
    /// Whether [`import_from_directory`](super::import_from_directory) may replace a store of a
    /// later block.
    pub go_back: bool,
}

/// An export directory whose manifest and file names have been checked.
#[derive(Debug)]
pub struct ExportDirectory {
    manifest: Manifest,
    mode: ArtifactMode,
    data: PathBuf,
    /// The names and files of the artifacts, in the manifest's order.
    artifacts: Vec<(Vec<u8>, ArtifactFile)>,
    record_exports: bool,
    historical_spans: HistoricalSpans,
}

/// Whether the directory of the export has only a store, and that of the store only an export.
fn are_exchanged(export: &Path, store: &Path) -> bool {
    let has = |directory: &Path| {
        let manifest = directory.join(MANIFEST_NAME);
        (file_in_directory(directory).exists(), manifest.exists())
    };
    has(export) == (true, false) && has(store) == (false, true)
}

impl ExportDirectory {
    /// Reads the manifest of the export in `directory`, and checks that it can be imported into the
    /// directory `store`. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Directory`] if the manifest is malformed or names a file that must not be read, if
    /// the export lies in `store`, or if the block height or the artifact mode does not fit the
    /// options; [`Error::Io`].
    pub fn open(
        directory: &Path,
        store: &Path,
        options: &ImportOptions,
    ) -> Result<ExportDirectory> {
        let found = ExportFiles::open(directory).map_err(|error| {
            if are_exchanged(directory, store) {
                return Fault::exchanged(directory, store);
            }
            error
        })?;
        if let Ok(store) = store.canonicalize()
            && found.directory.starts_with(&store)
        {
            return Err(Fault::nested(&found.directory, &store));
        }
        found.check_height(options.block_height)?;
        found.check_data()?;
        let mode = choose_mode(&found.manifest, options.mode)?;
        let data = found.data()?;
        let artifacts = found.artifacts()?;
        let mut manifest = found.manifest;
        manifest.artifacts = Vec::new();
        Ok(ExportDirectory {
            manifest,
            mode,
            data,
            artifacts,
            record_exports: options.record_exports,
            historical_spans: options.historical_spans,
        })
    }

    /// The height of the block that was exported.
    pub fn block_height(&self) -> f64 {
        self.manifest.block_height
    }

    /// The mode of the import.
    pub fn mode(&self) -> ArtifactMode {
        self.mode
    }

    /// The number of artifacts in the export.
    pub fn artifacts(&self) -> usize {
        self.artifacts.len()
    }

    /// Fills a staged database and commits. The caller publishes the database and begins
    /// [`Stage::Done`].
    ///
    /// # Errors
    /// For the first invalid record or artifact, the error of the [`Store`] method that imports it;
    /// [`Error::Aborted`]; [`Error::Io`]; SQLite's errors.
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
        let options = StoreOptions {
            change_target: ChangeTarget::Discard,
            historical_spans: self.historical_spans,
            ..StoreOptions::default()
        };
        let store = Mutex::new(Store::over(db.clone(), options)?);
        lock_watched(&store).begin()?;
        monitor.begin(Stage::Working);
        self.fill(&store, db, monitor)?;
        monitor.begin(Stage::Finishing);
        // Even a `debug` import needs what a kernel needs to run.
        let mode = match self.mode {
            ArtifactMode::Debug => ArtifactMode::Operational,
            mode => mode,
        };
        let mut store = lock_watched(&store);
        let complete = db.lock().check_all(mode);
        complete.map_err(|error| Incomplete::Export.explain(&db.lock(), mode, error))?;
        monitor.check()?;
        store.commit()
    }

    fn fill(&self, store: &Mutex<Store>, db: &SharedDatabase, monitor: &Monitor) -> Result<()> {
        let gate = Gate::default();
        let import = Import {
            with_store: &|step: StoreStep<'_>| step(&mut lock_watched(store)),
            mode: self.mode,
            wait_for_records: || gate.pass(),
            monitor,
        };
        let artifact = |index: usize| {
            monitor.check()?;
            let (name, file) = &self.artifacts[index];
            monitor.tell(|| format!("importing {}", String::from_utf8_lossy(name)));
            import.store(name, file)?;
            monitor.finish_piece();
            Ok(())
        };
        let records = || {
            // Dropping the keeper wakes the threads that wait at the gate, after an error, too.
            let gate = gate.keeper();
            monitor.tell(|| "importing the export data".into());
            self.import_records(store, db, monitor)?;
            monitor.finish_piece();
            gate.open();
            Ok(())
        };
        parallel::run(self.artifacts.len(), artifact, records)
    }

    /// Imports the export data: key-value entries at once, and the latest of the other records of
    /// each key at the end.
    fn import_records(
        &self,
        store: &Mutex<Store>,
        db: &SharedDatabase,
        monitor: &Monitor,
    ) -> Result<()> {
        let records = LatestRecords::create(db)?;
        data::read(&self.data, monitor, |batch| {
            let db = db.lock();
            for entry in &batch {
                if is_kv(&entry.0) {
                    set_key(&db, entry, self.record_exports)?;
                } else {
                    records.apply(&db, entry)?;
                }
            }
            Ok(())
        })?;
        records.drain(monitor, |batch| {
            let mut store = lock_watched(store);
            batch
                .iter()
                .try_for_each(|(key, value)| import_record(&mut store, key, value))
        })
    }
}

/// The mode of an import: `wanted`, if the export has the artifacts for it, or the export's mode.
fn choose_mode(manifest: &Manifest, wanted: Option<ArtifactMode>) -> Result<ArtifactMode> {
    let found = match manifest.artifact_mode.as_deref() {
        // Older manifests, and those of exports in the default mode, have no artifactMode.
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

/// Sets or deletes a key of the kernel.
fn set_key(db: &Database, (name, value): &Entry, record_export: bool) -> Result<()> {
    let key = name.get(3..).unwrap_or_default();
    let key_type = kernel_key_type(key)?;
    db.kv_write_through(key, value.as_deref())?;
    if record_export && key_type == KeyType::Consensus {
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
