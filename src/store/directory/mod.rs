//! A store as a directory, in the layout of `cosmic-swingset`.
//!
//! - `export-manifest.json` says what there is: the block height, the artifact mode, the name of
//!   the file with the export data, and of each artifact its name and its file;
//! - `export-data.jsonl` has one export record a line, `["KEY","VALUE"]`;
//! - each artifact is a file of its own, by the artifact's name.
//!
//! An export writes everything in a [scratch](super::scratch) directory, and moves it into place
//! when it is whole, the manifest last: where there is a manifest there is all that it names. An
//! import fills a [staged](super::Staged) database. Both work on as many artifacts at a time as
//! there are processors, hold a few chunks of each, and can be watched and ended at any moment
//! through a [`Monitor`](super::Monitor).

mod artifacts;
mod data;
mod disk;
mod export;
mod fault;
mod gate;
mod import;
mod manifest;
mod paths;
mod sources;

pub use export::{ExportOptions, Exported, export_to_directory};
pub use fault::Fault;
pub use import::{ExportDirectory, ImportOptions};
pub(crate) use sources::{Source, sources};

/// The file that says what an export consists of.
pub const MANIFEST_NAME: &str = "export-manifest.json";

/// The file with the export data.
pub const DATA_NAME: &str = "export-data.jsonl";
