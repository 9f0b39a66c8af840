//! A store as a directory, in the layout of `cosmic-swingset`.
//!
//! - `export-manifest.json` says what there is: the block height, the artifact mode, the name of
//!   the file with the export data, and of each artifact its name and its file;
//! - `export-data.jsonl` has one export record a line, `["KEY","VALUE"]`;
//! - each artifact is a file of its own, by the artifact's name.
//!
//! An export writes everything in a scratch directory, and moves it into place when it is whole,
//! the manifest last: where there is a manifest there is all that it names. An import fills a
//! [staged](crate::store::database::staging::Staged) database. Both work on as many artifacts at a time as there are
//! processors, hold a few chunks of each, and can be watched and ended at any moment through a
//! [`Monitor`](crate::store::tasks::monitor::Monitor).

mod artifacts;
mod contents;
mod data;
mod export;
mod export_files;
mod gate;
mod import;
mod import_all;
mod manifest;
mod paths;
mod records;
mod repair;
mod sources;
mod unfinished;

use crate::store::encoding::number::to_number;
use crate::store::encoding::{json, wtf8};

pub use crate::store::error::directory::Fault;
pub(crate) use contents::Contents;
pub use export::{ExportOptions, Exported, export_to_directory};
pub use import::{ExportDirectory, ImportOptions};
pub use import_all::{Imported, Replaced, import_from_directory};
pub(crate) use paths::problem_with as problem_with_file_name;
pub use repair::{RepairOptions, Repaired, repair_metadata};
pub(crate) use sources::{ArtifactSource, sources};

/// The file that says what an export consists of.
pub const MANIFEST_NAME: &str = "export-manifest.json";

/// The file with the export data.
pub const DATA_NAME: &str = "export-data.jsonl";

/// Where the host keeps the height of the last committed block.
pub(crate) const HEIGHT_KEY: &[u8] = b"host.height";

/// The largest number that JavaScript tells from its neighbours.
const MAX_HEIGHT: f64 = 9_007_199_254_740_991.0;

/// Whether a number can be the height of a block.
fn is_height(number: f64) -> bool {
    (0.0..=MAX_HEIGHT).contains(&number) && number.fract() == 0.0
}

/// A height as the host keeps it, if it is one.
pub(crate) fn known_height(text: Option<&[u8]>) -> Option<f64> {
    text.map(|text| to_number(&wtf8::as_read(text)))
        .filter(|height| is_height(*height))
}

/// A height as the host keeps it; 0 if there is none.
pub(crate) fn height_of(text: Option<&[u8]>) -> f64 {
    known_height(text).unwrap_or(0.0)
}

/// A height as the host writes it down.
fn text_of_height(height: f64) -> String {
    json::number_to_string(height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_whole_numbers() {
        for (text, height) in [
            ("0", 0.0),
            ("17", 17.0),
            ("1e3", 1000.0),
            (" 5 ", 5.0),
            ("9007199254740991", MAX_HEIGHT),
        ] {
            assert_eq!(known_height(Some(text.as_bytes())), Some(height), "{text}");
        }
        for text in [
            "x",
            "-1",
            "1.5",
            "1e400",
            "-1e400",
            "9007199254740992",
            "NaN",
        ] {
            assert_eq!(known_height(Some(text.as_bytes())), None, "{text}");
            assert_eq!(height_of(Some(text.as_bytes())), 0.0, "{text}");
        }
        assert_eq!(known_height(None), None);
    }
}
