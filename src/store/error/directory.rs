//! Errors of export directories.

use std::fmt;
use std::path::Path;

use dunce::simplified;

pub use super::fault::Fault;
use super::{Error, show, show_number};

impl Fault {
    /// The directory already contains an export.
    pub(crate) fn exists(manifest: &Path) -> Error {
        fault(
            "EEXIST",
            format!(
                "there is an export already: {}. Choose another directory, or remove that export",
                manifest.display()
            ),
        )
    }

    /// A file is not a manifest.
    pub(crate) fn manifest(path: &Path, problem: impl fmt::Display) -> Error {
        let place = path.display();
        fault(
            "ERR_SWING_STORE_MANIFEST",
            format!("{place} is not the manifest of an export: {problem}"),
        )
    }

    /// The manifest names a file that must not be read.
    pub(crate) fn file(name: &[u8], problem: impl fmt::Display) -> Error {
        let name = show(name);
        fault(
            "ERR_SWING_STORE_MANIFEST",
            format!("the manifest names the file {name}, {problem}. It was not read"),
        )
    }

    /// The directory to reuse files of has no export, or one that says nothing about its artifacts.
    pub(crate) fn not_reusable(directory: &Path, problem: &str) -> Error {
        fault(
            "ERR_SWING_STORE_REUSE",
            format!(
                "nothing of {} can be reused: {problem}. Name the directory of a complete export \
                 with export data, or export without reusing one",
                simplified(directory).display()
            ),
        )
    }

    /// The directory contains no artifacts.
    pub(crate) fn no_artifacts(directory: &Path, is_store: bool) -> Error {
        let directory = simplified(directory).display();
        fault(
            "ENOENT",
            if is_store {
                format!(
                    "{directory} is a store, which has no files with artifacts. Write an export or \
                     an archive of it, and name that directory"
                )
            } else {
                format!(
                    "there are no artifacts in {directory}: neither an export with a manifest, nor \
                     an archive with files like transcript.v1.0.200.gz"
                )
            },
        )
    }

    /// The directory contains a store instead of an export.
    pub(crate) fn is_store(directory: &Path) -> Error {
        fault(
            "ENOENT",
            format!(
                "{} is a store, not an export: it has a swingstore.sqlite, but no \
                 export-manifest.json. Name the directory of an export",
                simplified(directory).display()
            ),
        )
    }

    /// The directory of the store and that of the export were exchanged.
    pub(crate) fn exchanged(export: &Path, store: &Path) -> Error {
        fault(
            "ERR_SWING_STORE_ARGUMENT",
            format!(
                "the directories are exchanged: {} was named as the export and is a store, and {} \
                 was named as the store and is an export. Name them the other way round",
                simplified(export).display(),
                simplified(store).display()
            ),
        )
    }

    /// A line of the export data is not a record.
    pub(crate) fn data(path: &Path, line: u64, problem: impl fmt::Display) -> Error {
        let place = path.display();
        fault(
            "ERR_SWING_STORE_EXPORT_DATA",
            format!("line {line} of {place} is not an export record: {problem}"),
        )
    }

    /// The store or the export has an unexpected block height.
    pub(crate) fn height(what: &str, found: f64, expected: f64) -> Error {
        fault(
            "ERR_SWING_STORE_HEIGHT",
            format!(
                "{what} at unexpected block height {} (expected {})",
                show_number(found),
                show_number(expected)
            ),
        )
    }

    /// The store to be replaced has a greater block height.
    pub(crate) fn later(store: &Path, found: f64, imported: f64) -> Error {
        fault(
            "ERR_SWING_STORE_HEIGHT",
            format!(
                "the store in {} is at block {}, the export at block {}: replacing the store would \
                 lose the blocks between. To do that, add --force",
                store.display(),
                show_number(found),
                show_number(imported)
            ),
        )
    }

    /// The export does not contain the artifacts that the mode requires.
    pub(crate) fn insufficient(wanted: &str, found: &str) -> Error {
        fault(
            "ERR_SWING_STORE_INCOMPLETE",
            format!(
                "the export has insufficient artifacts: requested import artifact mode: \
                 \"{wanted}\", manifest has \"{found}\" artifacts. Import in a lesser mode, or \
                 export again in mode \"{wanted}\""
            ),
        )
    }

    /// The export is inside of the directory that the import would erase.
    pub(crate) fn nested(export: &Path, store: &Path) -> Error {
        fault(
            "ERR_SWING_STORE_ARGUMENT",
            format!(
                "the export {} lies in {}, which the import would erase. Choose another directory \
                 for the store",
                simplified(export).display(),
                simplified(store).display()
            ),
        )
    }
}

fn fault(code: &'static str, message: String) -> Error {
    Error::Directory(Fault::new(code, message))
}
