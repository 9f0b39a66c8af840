//! An import from its beginning to its end, for whoever wants the store and not to go on with it.

use std::path::Path;

use super::import::{ExportDirectory, ImportOptions};
use super::{HEIGHT_KEY, text_of_height};
use crate::store::advice::Advised;
use crate::store::artifact::ArtifactMode;
use crate::store::error::Result;
use crate::store::progress::{Monitor, Stage};
use crate::store::{NoteTo, OpenOptions, Staged, Store, StoreOptions, StorePlace};

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
}

/// Makes the export in `directory` the store in `store`, in whose place it comes when all of it is
/// on the disk: whatever else was in `store` is erased then, and stays as it is if anything goes
/// wrong. The host's key `host.height` gets the height of the block, as `cosmic-swingset` has it.
///
/// # Errors
/// As [`ExportDirectory::open`], [`ExportDirectory::import`] and [`Staged::publish`].
pub fn import_from_directory(
    directory: &Path,
    store: &Path,
    options: &ImportOptions,
    monitor: &Monitor,
) -> Result<Imported> {
    monitor.check()?;
    let export = ExportDirectory::open(directory, store, options)?;
    let place = StorePlace::Directory(store.to_owned());
    let staged = Staged::new(&place, &OpenOptions::default()).about_store(store)?;
    let imported = finish(&export, &staged, monitor);
    // Nothing is left of it, unless it is in its place.
    staged.discard();
    imported.about_store(store)?;
    Ok(Imported {
        block_height: export.block_height(),
        mode: export.mode(),
        artifacts: export.artifacts(),
        bytes: monitor.progress().bytes,
    })
}

/// Fills the database, notes the height, and puts it in its place.
fn finish(export: &ExportDirectory, staged: &Staged, monitor: &Monitor) -> Result<()> {
    export.import(staged, monitor)?;
    let block_height = export.block_height();
    let store_options = StoreOptions {
        note_to: NoteTo::Nobody,
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
