//! Where the file of a store is, and what to say where there is none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Database;
use crate::store::error::{Error, Result};

/// The name of the database file in a store's directory.
pub const FILE_NAME: &str = "swingstore.sqlite";

/// The database file of the store in a directory, whatever is there.
pub fn file_in_directory(directory: &Path) -> PathBuf {
    std::path::absolute(directory)
        .unwrap_or_else(|_| directory.to_owned())
        .join(FILE_NAME)
}

/// The database file in a directory, which must be there.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::Io`] where it may not be looked for.
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

/// There is no store in a directory; what is there instead, and what to do.
pub(crate) fn no_store(directory: &Path, problem: impl Into<String>) -> Error {
    Error::NoStore {
        directory: directory.to_owned(),
        problem: problem.into(),
    }
}

/// Words SQLite's refusal of a file that is none of its own.
pub(crate) fn explain(error: Error, directory: &Path) -> Error {
    match error {
        Error::Sqlite {
            code: "SQLITE_NOTADB",
            message,
            ..
        } => no_store(
            directory,
            format!(
                "its {FILE_NAME} can't be read as a database ({message}). Its beginning is \
                 damaged, or it is something else; restore it from a backup, or by state-sync"
            ),
        ),
        other => other,
    }
}

/// There is a database, but not a store's; what it lacks.
pub(crate) fn other_database(directory: &Path, lacking: &str) -> Error {
    no_store(
        directory,
        format!(
            "its {FILE_NAME} is an SQLite database without {lacking}. Name the directory of a \
             store, or restore this one from a backup, or by state-sync"
        ),
    )
}

impl Database {
    /// Whether there is a table.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn has_table(&self, name: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?";
        Ok(self.peek_value::<i64>(sql, [name])?.is_some())
    }

    /// Fails if this database, of a directory, has no key-value store, which all stores have.
    ///
    /// # Errors
    /// [`Error::NoStore`]; SQLite's errors.
    pub(crate) fn check_is_store(&self, directory: &Path) -> Result<()> {
        let is_store = self.has_table("kvStore");
        match is_store.map_err(|error| explain(error, directory))? {
            true => Ok(()),
            false => Err(other_database(directory, "the table kvStore")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_what_was_found_and_what_to_do() {
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
