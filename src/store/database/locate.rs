//! Finds the database file of a store, and explains its absence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::error::{Error, Result};

/// The name of the database file in the directory of a store.
pub const FILE_NAME: &str = "swingstore.sqlite";

/// The absolute path of the database file of the store in a directory, which may not exist.
pub fn file_in_directory(directory: &Path) -> PathBuf {
    std::path::absolute(directory)
        .unwrap_or_else(|_| directory.to_owned())
        .join(FILE_NAME)
}

/// Finds the database file in a directory.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::Io`] if this user may not search the directory.
pub(crate) fn find_file(directory: &Path) -> Result<PathBuf> {
    let file = file_in_directory(directory);
    match fs::metadata(&file) {
        Ok(found) if found.is_file() => return Ok(file),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let doing = format!("looking for {}", file.display());
            return Err(Error::io(doing, &error));
        }
        _ => {}
    }
    let found = if directory.is_dir() {
        format!("it has no {FILE_NAME}")
    } else if directory.exists() {
        "it is not a directory".into()
    } else {
        "there is no such directory".into()
    };
    Err(no_store(
        directory,
        format!("{found}. Name the directory that holds {FILE_NAME}"),
    ))
}

/// An error for a directory without a store. `problem` says what was found and what to do.
pub(crate) fn no_store(directory: &Path, problem: impl Into<String>) -> Error {
    Error::NoStore {
        directory: directory.to_owned(),
        problem: problem.into(),
    }
}

/// Explains SQLite's refusal of a file that is not a database.
pub(crate) fn explain(error: Error, directory: &Path) -> Error {
    match error {
        Error::Sqlite {
            code: "SQLITE_NOTADB",
            message,
            ..
        } => no_store(
            directory,
            format!(
                "its {FILE_NAME} is damaged at the beginning, or not a database ({message}). Restore \
                 the store from a backup or with state-sync"
            ),
        ),
        other => other,
    }
}

/// An error for a database that is not a store, because it lacks something.
pub(crate) fn other_database(directory: &Path, lacking: &str) -> Error {
    no_store(
        directory,
        format!(
            "its {FILE_NAME} is an SQLite database without {lacking}. Name the directory of a \
             store, or restore the store from a backup or with state-sync"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_was_found_and_what_to_do() {
        let base = tempfile::tempdir().unwrap();
        let refused = |directory: &Path, found: &str| {
            let expected = format!(
                "there is no store in {}: {found}. Name the directory that holds {FILE_NAME}",
                directory.display()
            );
            assert_eq!(find_file(directory).unwrap_err().to_string(), expected);
        };
        refused(&base.path().join("missing"), "there is no such directory");
        refused(base.path(), "it has no swingstore.sqlite");
        let file = file_in_directory(base.path());
        fs::write(&file, "").unwrap();
        refused(&file, "it is not a directory");
        assert_eq!(find_file(base.path()).unwrap(), file);
    }
}
