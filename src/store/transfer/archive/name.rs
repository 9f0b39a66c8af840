//! The names of the files of an archive.

use crate::store::transfer::directory::{GZIP, file_name_problem};

/// The name of an artifact's file; `None` if it is not a valid file name.
pub(super) fn file_name(artifact: &[u8]) -> Option<String> {
    let name = format!("{}{GZIP}", std::str::from_utf8(artifact).ok()?);
    file_name_problem(&name).is_none().then_some(name)
}
