//! The files that SQLite keeps beside a database.

use std::path::{Path, PathBuf};

/// What SQLite adds to the name of a database file.
pub(crate) const SIDECARS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The file that SQLite has beside a database, whose name ends in `suffix`.
pub(crate) fn sidecar(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
