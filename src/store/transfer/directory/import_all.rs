//! An import from its beginning to its end, for whoever wants the store and not to go on with it.

use std::path::Path;
use std::sync::Arc;

use super::import::{ExportDirectory, ImportOptions};
use super::{HEIGHT_KEY, known_height, text_of_height};
use crate::store::database::OpenOptions;
use crate::store::database::hints::WithFile;
use crate::store::database::locate::file_in_directory;
use crate::store::database::read_view::ReadView;
use crate::store::database::staging::{Staged, StoreLocation};
use crate::store::error::Result;
use crate::store::error::directory::Fault;
use crate::store::fs::open_files::Unused;
use crate::store::records::mode::ArtifactMode;
use crate::store::substores::{ChangeTarget, Store, StoreOptions};
use crate::store::tasks::monitor::{Monitor, Stage};

/// What was imported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Imported {
    /// The height of the block, which is now in the store, too.
    pub block_height: f64,
    /// Which artifacts were taken.
    pub mode: ArtifactMode,
    /// How many artifacts there were.
    pub artifacts: usize,
    /// How many bytes the artifacts and the export data had.
    pub bytes: u64,
    /// What was replaced; `None` where there was no store.
    pub replaced: Option<Replaced>,
}

/// A store that an import has replaced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replaced {
    /// The block that it was of; `None` if it did not say, or could not be read.
    pub block_height: Option<f64>,
    /// Bytes of its file.
    pub file_bytes: u64,
}

impl Replaced {
    /// What there is in a directory; `None` if it has no file of a store.
    fn find(directory: &Path, monitor: &Monitor) -> Option<Replaced> {
        let file_bytes = std::fs::metadata(file_in_directory(directory)).ok()?.len();
        // Whatever is wrong with it, it is about to be replaced.
        let view = ReadView::open(directory, 1, monitor, &Arc::default());
        let connections = view.map(ReadView::into_connections).unwrap_or_default();
        let height = connections
            .first()
            .map(|db| db.kv_get(HEIGHT_KEY, known_height));
        Some(Replaced {
            block_height: height.and_then(Result::ok).flatten(),
            file_bytes,
        })
    }
}

/// Makes the export in `directory` the store in `store`, in whose place it comes when all of it is
/// on the disk: whatever else was in `store` is erased then, and stays as it is if anything goes
/// wrong. The host's key `host.height` gets the height of the block, as `cosmic-swingset` has it.
///
/// # Errors
/// [`StoreHeld`](crate::store::error::Error::StoreHeld) if somebody has the store open that is there;
/// [`Directory`](crate::store::error::Error::Directory) if that is of
/// a later block, unless the options allow going back; as [`ExportDirectory::open`],
/// [`ExportDirectory::import`] and [`Staged::publish`].
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
    // Nothing is left of it, unless it is in its place.
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

/// Fills the database, notes the height, and puts it in its place.
fn finish(export: &ExportDirectory, staged: &Staged, monitor: &Monitor) -> Result<()> {
    export.import(staged, monitor)?;
    let block_height = export.block_height();
    let store_options = StoreOptions {
        change_target: ChangeTarget::Discard,
        ..StoreOptions::default()
    };
    let mut store = Store::over(staged.database().clone(), store_options)?;
    store.host_set(HEIGHT_KEY, text_of_height(block_height).as_bytes())?;
    store.commit()?;
    monitor.check()?;
    staged.publish(false)?;
    monitor.begin(Stage::Done);
    store.close()
}
