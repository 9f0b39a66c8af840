//! SQLite's sidecar files of a database.

use std::path::{Path, PathBuf};

/// Suffixes of the names of SQLite's sidecar files.
pub(crate) const SIDECARS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The sidecar file of a database with this suffix.
pub(crate) fn sidecar(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
