//! Exports to directories, imports and repairs from them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::job;
use super::job::Job;
use crate::node::raw::{Call, Function, Reply, Value, functions};
use crate::node::store::database::path_from;
use crate::node::store::staging;
use crate::store::error::{Error, Result};
use crate::store::tasks::lock;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::transfer::directory::{
    ExportDirectory, ExportOptions, ImportOptions, RepairOptions, export_to_directory,
    repair_metadata,
};

/// An import from a directory.
struct Import {
    directory: PathBuf,
    store: PathBuf,
    options: ImportOptions,
    /// The opened export.
    found: Mutex<Option<ExportDirectory>>,
    monitor: Monitor,
}

impl Job for Import {
    fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

const IMPORT_METHODS: &[Function<Import>] = &[
    ("open", open_import),
    ("run", run_import),
    ("progress", job::progress),
    ("abort", job::abort),
];

/// `makeDirectoryExport(dirPath, exportDir, options)`: a job that exports the store. Its report has the
/// fields of `ExportedSwingStore`.
pub fn make_export(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let directory = path_from(call.text(1, "exportDir")?)?;
    let options: ExportOptions = call.options(2)?;
    job::make_reporting(call, move |monitor| {
        export_to_directory(&store, &directory, &options, monitor)
    })
}

/// `makeDirectoryImport(exportDir, dirPath, options)`: an import in two steps, `open` and `run`.
pub fn make_import(call: &Call<'_, ()>) -> Result<Reply> {
    let options: ImportOptions = call.options(2)?;
    let import = Arc::new(Import {
        directory: path_from(call.text(0, "exportDir")?)?,
        store: path_from(call.text(1, "dirPath")?)?,
        options,
        found: Mutex::new(None),
        monitor: Monitor::default(),
    });
    functions(call.env(), &import, IMPORT_METHODS).map(Reply::Js)
}

/// `makeDirectoryRepair(exportDir, dirPath, options)`: a job that adds missing records. Its report has
/// the fields of `RepairedSwingStore`.
pub fn make_repair(call: &Call<'_, ()>) -> Result<Reply> {
    let directory = path_from(call.text(0, "exportDir")?)?;
    let store = path_from(call.text(1, "dirPath")?)?;
    let options: RepairOptions = call.options(2)?;
    job::make_reporting(call, move |monitor| {
        repair_metadata(&directory, &store, &options, monitor)
    })
}

/// `open()`: reads the manifest. Returns a promise of the export's block height.
fn open_import(call: &Call<'_, Import>) -> Result<Reply> {
    let import = call.target.clone();
    call.promise(move || {
        let found = ExportDirectory::open(&import.directory, &import.store, &import.options)?;
        let block_height = found.block_height();
        *lock::lock(&import.found) = Some(found);
        Ok(Value::Number(block_height))
    })
}

/// `run(staging)`: imports the export into a staged database. Returns a promise.
fn run_import(call: &Call<'_, Import>) -> Result<Reply> {
    let staged = staging::argument(call, 0)?;
    let import = call.target.clone();
    call.promise(move || {
        let found = lock::lock(&import.found).take();
        let found = found.ok_or_else(|| Error::Internal("the export was not opened".into()))?;
        found.import(&staged, &import.monitor)?;
        // The first commit publishes the database.
        import.monitor.begin(Stage::Done);
        Ok(Value::Undefined)
    })
}
