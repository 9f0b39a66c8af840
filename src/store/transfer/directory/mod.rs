//! Export directories, in the layout of `cosmic-swingset`.
//!
//! - `export-manifest.json` lists the contents: the block height, the artifact mode, the name of
//!   the file with the export data, and the name and file of each artifact;
//! - `export-data.jsonl` has one export record per line, `["KEY","VALUE"]`;
//! - each artifact is a file with the artifact's name, or in a compressed export a gzip file
//!   `NAME.gz`.
//!
//! An export writes its files to a scratch directory, and then moves them into place, the manifest
//! last: if the manifest exists, so does every file that it names. An import fills a
//! [staged](crate::store::database::staging::Staged) database. Both process one artifact per
//! processor at a time, with a few chunks of each in memory. A
//! [`Monitor`](crate::store::tasks::monitor::Monitor) reports their progress and can abort them.

mod artifact_file;
mod artifacts;
mod contents;
mod data;
mod export;
mod export_files;
mod export_options;
mod exporters;
mod fetched;
mod gate;
mod import;
mod import_all;
mod layout;
mod manifest;
mod paths;
mod records;
mod repair;
mod reuse;
mod row_order;
mod sources;
#[cfg(test)]
mod tests;
mod unfinished;

pub use crate::store::error::directory::Fault;
pub(crate) use artifact_file::{ArtifactFile, ArtifactReader};
pub(crate) use contents::Contents;
pub use export::{Exported, export_to_directory};
pub use export_options::ExportOptions;
pub use import::{ExportDirectory, ImportOptions};
pub use import_all::{Imported, Replaced, import_from_directory};
pub(in crate::store::transfer) use layout::GZIP;
pub use layout::{DATA_NAME, MANIFEST_NAME};
pub(crate) use layout::{HEIGHT_KEY, height_or_zero, parse_height};
pub(crate) use paths::file_name_problem;
pub use repair::{RepairOptions, Repaired, repair_metadata};
pub use reuse::Reused;
pub(crate) use sources::{ArtifactSource, sources};
