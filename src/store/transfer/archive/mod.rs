//! Archives: places with a gzip file `NAME.gz` for each span and snapshot, which are directories or
//! remote.
//!
//! A kernel that prunes history archives each span when it ends ([`SpanArchive`]) and each snapshot
//! when it is saved ([`archive_snapshot`]). [`archive_store()`] archives what a store has. A file
//! gets its name after its complete contents are on the disk.

mod archive_store;
mod file;
mod gzip;
mod lookup;
mod name;
mod span;

use std::path::Path;

pub use archive_store::{ArchiveOptions, Archived, archive_store, archive_store_to};
pub(crate) use lookup::Lookup;
pub use span::SpanArchive;

use crate::store::error::Result;
use crate::store::gzip::Compressed;
use file::ArchiveFile;
use name::file_name;

/// Whether an artifact can be archived: whether its name is a valid file name.
pub fn can_archive(artifact: &[u8]) -> bool {
    file_name(artifact).is_some()
}

/// Writes a compressed snapshot to the archive `directory`.
///
/// # Errors
/// [`Error::Io`](crate::store::error::Error::Io).
pub fn archive_snapshot(directory: &Path, name: &[u8], snapshot: &Compressed) -> Result<()> {
    let mut file = ArchiveFile::new(directory, directory, name)?;
    file.write(&snapshot.bytes)?;
    file.publish()
}
