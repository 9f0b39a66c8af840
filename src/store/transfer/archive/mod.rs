//! Archives: directories in which each span and each snapshot is a gzip file, `NAME.gz`.
//!
//! A kernel that prunes what it no longer needs has it archived as it comes into being: a span when
//! it ends, a snapshot when it is saved ([`SpanArchive`], [`archive_snapshot`]). What a store still
//! has can be archived later, too ([`archive_store()`]). A file has its name only once it is whole and
//! on the disk.

mod archive_store;
mod file;
mod gzip;
mod span;

use std::path::Path;

pub use archive_store::{ArchiveOptions, Archived, archive_store};
pub use span::SpanArchive;

use super::directory::problem_with_file_name;
use crate::store::error::Result;
use crate::store::gzip::Compressed;
use file::ArchiveFile;

/// Behind the names of artifacts.
const EXTENSION: &str = ".gz";

/// The name of an artifact's file; `None` if no file can have it, or it would lie elsewhere.
fn file_name(artifact: &[u8]) -> Option<String> {
    let name = format!("{}{EXTENSION}", std::str::from_utf8(artifact).ok()?);
    problem_with_file_name(&name).is_none().then_some(name)
}

/// Whether an artifact of this name can be archived.
pub fn can_archive(artifact: &[u8]) -> bool {
    file_name(artifact).is_some()
}

/// Writes a snapshot, as it was compressed, to the directory `directory`.
///
/// # Errors
/// [`Error::Io`](crate::store::error::Error::Io).
pub fn archive_snapshot(directory: &Path, name: &[u8], snapshot: &Compressed) -> Result<()> {
    let mut file = ArchiveFile::new(directory, directory, name)?;
    file.write(&snapshot.bytes)?;
    file.publish()
}
