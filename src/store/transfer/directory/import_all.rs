//! Imports an export directory and publishes the store.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::import::{ExportDirectory, ImportOptions};
use super::layout::{HEIGHT_KEY, height_text, parse_height};
use crate::store::database::OpenOptions;
use crate::store::database::hints::WithFile;
use crate::store::database::locate::file_in_directory;
use crate::store::database::read_view::ReadView;
use crate::store::database::staging::{Staged, StoreLocation};
use crate::store::encoding::fields;
use crate::store::error::Result;
use crate::store::error::directory::Fault;
use crate::store::fs::open_files::Unused;
use crate::store::records::mode::ArtifactMode;
use crate::store::substores::{ChangeTarget, Store, StoreOptions};
use crate::store::tasks::monitor::{Monitor, Stage};

/// The result of [`import_from_directory`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The block height, which is now in the store, too.
    #[serde(serialize_with = "fields::number")]
    #[cfg_attr(feature = "cli", schemars(with = "f64"))]
    pub block_height: f64,
    /// The mode of the import.
    #[serde(rename = "artifactMode")]
    pub mode: ArtifactMode,
    /// The number of artifacts in the export.
    pub artifacts: usize,
    /// The size of the artifacts and the export data, in bytes.
    pub bytes: u64,
    /// The store that was replaced, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
}

/// A store that an import replaced.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// Its block height; `None` if it was not recorded or could not be read.
    #[serde(
        serialize_with = "fields::optional_number",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "cli", schemars(with = "Option<f64>"))]
    pub block_height: Option<f64>,
    /// The size of its file, in bytes.
    pub file_bytes: u64,
}

impl Replaced {
    /// Describes the store in a directory; `None` if there is none.
    fn find(directory: &Path, monitor: &Monitor) -> Option<Replaced> {
        let file_bytes = std::fs::metadata(file_in_directory(directory)).ok()?.len();
        // Errors are ignored, because the import replaces a damaged store, too.
        let view = ReadView::open(directory, 1, monitor, &Arc::default());
        let connections = view.map(ReadView::into_connections).unwrap_or_default();
        let height = connections
            .first()
            .map(|db| db.kv_get(HEIGHT_KEY, parse_height));
        Some(Replaced {
            block_height: height.and_then(Result::ok).flatten(),
            file_bytes,
        })
    }
}

/// Imports the export in `directory` into the directory `store`. When the new store is complete and
/// on the disk, it replaces `store` with all its files; on failure `store` is unchanged. Sets the
/// host's key `host.height` to the block height, as `cosmic-swingset` does.
///
/// # Errors
/// [`StoreHeld`](crate::store::error::Error::StoreHeld) if the existing store is open;
/// [`Directory`](crate::store::error::Error::Directory) if it is of a later block, unless the
/// options allow that; as [`ExportDirectory::open`], [`ExportDirectory::import`] and
/// [`Staged::publish`].
pub fn import_from_directory(
    directory: &Path,
    store: &Path,
    options: &ImportOptions,
    monitor: &Monitor,
) -> Result<Imported> {
    monitor.check()?;
    let export = ExportDirectory::open(directory, store, options)?;
    let place = StoreLocation::Directory(store.to_owned());
    place.check_unused(Unused::Entirely)?;
    let replaced = Replaced::find(store, monitor);
    if let Some(found) = replaced.and_then(|replaced| replaced.block_height)
        && found > export.block_height()
        && !options.go_back
    {
        return Err(Fault::later(store, found, export.block_height()));
    }
    let staged = Staged::new(&place, &OpenOptions::default()).with_store(store)?;
    let imported = finish(&export, &staged, monitor);
    // Deletes the staged database, unless it was published.
    staged.discard();
    imported.with_store(store)?;
    Ok(Imported {
        block_height: export.block_height(),
        mode: export.mode(),
        artifacts: export.artifacts(),
        bytes: monitor.progress().bytes,
        replaced,
    })
}

/// Fills the database, sets `host.height`, and publishes it.
fn finish(export: &ExportDirectory, staged: &Staged, monitor: &Monitor) -> Result<()> {
    export.import(staged, monitor)?;
    let block_height = export.block_height();
    let store_options = StoreOptions {
        change_target: ChangeTarget::Discard,
        ..StoreOptions::default()
    };
    let mut store = Store::over(staged.database().clone(), store_options)?;
    store.host_set(HEIGHT_KEY, height_text(block_height).as_bytes())?;
    store.commit()?;
    monitor.check()?;
    staged.publish(false)?;
    monitor.begin(Stage::Done);
    store.close()
}
