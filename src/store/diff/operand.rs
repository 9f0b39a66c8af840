//! One side of a comparison: a store, or an export in a directory.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::artifact_bytes::ArtifactBytes;
use super::keys::{EmptyCursor, Keys, KeysOf};
use super::sorted::{Cursor, RowCursor, Side, Sorted};
use crate::store::database::locate::{FILE_NAME, file_in_directory, no_store};
use crate::store::database::read_view::ReadView;
use crate::store::database::{Database, SharedDatabase};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names::{RECORD_PREFIX, bundle_name, kind};
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::directory::{
    ArtifactFile, Contents, HEIGHT_KEY, MANIFEST_NAME, parse_height,
};
use crate::store::transfer::exporter::Exporter;

/// A store or an export.
pub(super) enum Operand {
    Store {
        /// Reads its records and artifacts.
        exporter: Exporter,
        /// The exporter's database.
        db: SharedDatabase,
        /// Whether some keys read back as different texts, which breaks their order.
        has_odd_keys: bool,
    },
    Export {
        contents: Contents,
        files: HashMap<Vec<u8>, ArtifactFile>,
    },
}

impl Operand {
    /// Opens the store or export in a directory.
    ///
    /// # Errors
    /// [`Error::NoStore`] if there is neither; [`Error::BadArgument`] if there are both.
    pub(super) fn open(directory: &Path, monitor: &Monitor) -> Result<Operand> {
        let file = file_in_directory(directory);
        match (
            file.try_exists()
                .map_err(|error| Error::io(format!("looking for {}", file.display()), &error))?,
            Contents::are_in(directory),
        ) {
            (true, true) => Err(Error::BadArgument(format!(
                "{} contains both a store and an export. Name a directory that contains only one \
                 of them",
                directory.display()
            ))),
            (false, false) => Err(no_store(
                directory,
                format!(
                    "it has neither {FILE_NAME} nor the {MANIFEST_NAME} of an export. Name a \
                     directory that has one of them"
                ),
            )),
            (true, false) => Operand::of_store(directory, monitor),
            (false, true) => {
                let contents = Contents::find(directory)?;
                let files = contents.artifacts.iter().cloned().collect();
                Ok(Operand::Export { contents, files })
            }
        }
    }

    fn of_store(directory: &Path, monitor: &Monitor) -> Result<Operand> {
        let db = ReadView::open_one(directory, monitor)?;
        let has_odd_keys = has_odd_keys(&db)?;
        let db = SharedDatabase::new(db);
        Ok(Operand::Store {
            exporter: Exporter::over(db.clone(), ArtifactMode::Debug),
            db,
            has_odd_keys,
        })
    }

    /// The block height, if known.
    pub(super) fn block_height(&self) -> Result<Option<f64>> {
        match self {
            Operand::Export { contents, .. } => Ok(Some(contents.block_height)),
            Operand::Store { db, .. } => db.lock().kv_get(HEIGHT_KEY, parse_height),
        }
    }

    /// Whether it has export data.
    pub(super) fn has_records(&self) -> bool {
        match self {
            Operand::Store { .. } => true,
            Operand::Export { contents, .. } => contents.has_data(),
        }
    }

    /// Whether it is a store.
    pub(super) fn is_store(&self) -> bool {
        matches!(self, Operand::Store { .. })
    }

    /// The mode of an export's artifacts.
    pub(super) fn mode(&self) -> Option<ArtifactMode> {
        match self {
            Operand::Store { .. } => None,
            Operand::Export { contents, .. } => contents.mode,
        }
    }

    /// Sorts the records that have no index in the order of keys: all of an export, and those of a
    /// store's spans, snapshots and bundles.
    pub(super) fn sort_records(
        &self,
        side: Side,
        sorted: &Sorted,
        monitor: &Monitor,
    ) -> Result<()> {
        match self {
            Operand::Export { contents, .. } => contents.read_data(monitor, |batch| {
                batch
                    .iter()
                    .try_for_each(|(key, value)| sorted.set(side, key, value.as_deref()))
            }),
            Operand::Store {
                exporter,
                has_odd_keys,
                ..
            } => {
                let records = if *has_odd_keys {
                    exporter.export_data()
                } else {
                    exporter.export_data_without_kv()
                };
                while let Some(batch) = records.next_batch()? {
                    let mut bytes = 0;
                    for (key, value) in &batch {
                        bytes += key.len() + value.len();
                        let (key, value) = (wtf8::as_read(key), wtf8::as_read(value));
                        sorted.set(side, &key, Some(&value))?;
                    }
                    monitor.count(bytes)?;
                }
                Ok(())
            }
        }
    }

    /// Calls `walk` with a cursor over the sorted entries of a store's kvStore. The cursor is empty
    /// for an export, because `sort_records` sorts all its records.
    pub(super) fn with_kv<T>(
        &self,
        keys: Keys,
        walk: impl FnOnce(&mut dyn Cursor) -> Result<T>,
    ) -> Result<T> {
        match self {
            Operand::Store {
                db, has_odd_keys, ..
            } if keys == Keys::Local || !has_odd_keys => {
                let sql = "SELECT key, value FROM kvStore ORDER BY key";
                let db = db.lock();
                let mut statement = db.connection()?.prepare(sql)?;
                let prefix = match keys {
                    Keys::Consensus => RECORD_PREFIX.to_vec(),
                    Keys::Local => Vec::new(),
                };
                let skip = prefix.len();
                let rows = RowCursor::new(statement.query([])?, prefix);
                walk(&mut KeysOf { keys, skip, rows })
            }
            _ => walk(&mut EmptyCursor),
        }
    }

    /// The names of the present artifacts that the mode includes.
    pub(super) fn artifact_names(&self, mode: ArtifactMode) -> Result<Vec<Vec<u8>>> {
        match self {
            Operand::Export { contents, .. } => Ok(contents
                .artifacts
                .iter()
                .map(|(name, _)| name.clone())
                .collect()),
            Operand::Store { exporter, db, .. } => {
                // The exporter also lists bundles without contents.
                let mut names = exporter.artifact_names()?;
                let db = db.lock();
                let pruned: HashSet<Vec<u8>> = db
                    .peek_rows(
                        "SELECT bundleID FROM bundles WHERE bundle IS NULL",
                        [],
                        |row| Ok(bundle_name(row.get_ref(0)?.as_bytes()?)),
                    )?
                    .into_iter()
                    .collect();
                names.retain(|name| !pruned.contains(name));
                if mode != ArtifactMode::Debug {
                    let mut wanted: HashSet<_> = db.snapshot_names(mode)?.into_iter().collect();
                    wanted.extend(db.span_names(mode)?);
                    names.retain(|name| kind(name) == b"bundle" || wanted.contains(name));
                }
                Ok(names)
            }
        }
    }

    /// Opens an artifact.
    pub(super) fn artifact(&self, name: &[u8]) -> Result<ArtifactBytes> {
        match self {
            Operand::Store { exporter, .. } => exporter.artifact(name).map(ArtifactBytes::Store),
            Operand::Export { files, .. } => {
                let file = files.get(name).ok_or_else(|| {
                    Error::Internal("an artifact is missing from the list".into())
                })?;
                file.open().map(ArtifactBytes::File)
            }
        }
    }
}

/// Whether some keys read back as different texts, so that the table's order is not theirs.
fn has_odd_keys(db: &Database) -> Result<bool> {
    let mut statement = db.connection()?.prepare("SELECT key FROM kvStore")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if std::str::from_utf8(row.get_ref(0)?.as_bytes()?).is_err() {
            return Ok(true);
        }
    }
    Ok(false)
}
