//! Hints for failures of a disk or of permissions.
//!
//! SQLite's messages name no file ("disk I/O error", "unable to open database file"), and callers
//! of the reference's functions expect exactly these messages. Our own functions append the file
//! and a remedy.

use std::fmt::Display;
use std::path::Path;

use super::locate::{file_in_directory, no_store};
use crate::store::error::{Error, Result, system};

const NO_MEMORY: &str = "Free memory, or raise this process's memory limit, and retry";

/// Hints for SQLite's errors, by the prefixes of their names.
const HINTS: [(&str, &str); 11] = [
    (
        "SQLITE_FULL",
        "Make room on its disk, or on the disk of temporary files if that one is full, and retry",
    ),
    (
        "SQLITE_READONLY_DBMOVED",
        "The file was moved or replaced while it was open. Retry",
    ),
    (
        "SQLITE_READONLY_ROLLBACK",
        "A program did not finish a transaction, so the file's journal (-journal) must be rolled \
         back first. As a user who may write to the file, the journal and their directory, run \
         `swing-store verify`, which rolls it back. Then retry",
    ),
    (
        "SQLITE_READONLY",
        "SQLite writes to the file's -wal and -shm files even to read a store. Check that this user \
         may write to them, to the file and to its directory, and that the disk is not mounted \
         read-only. Then retry",
    ),
    (
        "SQLITE_CANTOPEN",
        "Check that this user may read and write the file and its -wal and -shm files, and create \
         files in its directory, and that the disk is not mounted read-only. Then retry",
    ),
    ("SQLITE_IOERR_SHMSIZE", "Make room on its disk, and retry"),
    ("SQLITE_IOERR_NOMEM", NO_MEMORY),
    ("SQLITE_NOMEM", NO_MEMORY),
    (
        "SQLITE_IOERR",
        "The system's log may explain the failure of the disk or of its connection. Repair it, and \
         retry",
    ),
    (
        "SQLITE_CORRUPT",
        "The file is damaged. A verification of the store lists the damage. Restore the store from a \
         backup or with state-sync",
    ),
    (
        "SQLITE_BUSY",
        "Another program kept it locked for several seconds. Wait for that program, or stop it, and \
         retry",
    ),
];

/// The hint for a failure: that of the system's error if it has a single cause, else that of
/// SQLite's.
fn hint(code: &str, system: Option<&str>) -> Option<&'static str> {
    let of_sqlite = HINTS.iter().find(|(begins, _)| code.starts_with(begins));
    let (_, of_sqlite) = of_sqlite?;
    Some(system.and_then(system::hint).unwrap_or(of_sqlite))
}

impl Error {
    /// Appends the file and a hint to an error of SQLite. Other errors, and errors that already
    /// have a hint, are unchanged.
    pub(crate) fn with_hint(self, file: impl Display) -> Error {
        match self {
            Error::Sqlite {
                code,
                message,
                system,
            } => {
                let message = match hint(code, system) {
                    Some(hint) if !message.ends_with(hint) => {
                        format!("{message}: {file}. {hint}")
                    }
                    _ => message,
                };
                Error::Sqlite {
                    code,
                    message,
                    system,
                }
            }
            other => other,
        }
    }

    /// Like [`Error::with_hint`], for the store in a directory.
    pub(crate) fn with_store(self, directory: &Path) -> Error {
        match self {
            Error::NoSuchDirectory => no_store(
                directory,
                "there is no such directory. Name the directory that holds swingstore.sqlite",
            ),
            other => other.with_hint(file_in_directory(directory).display()),
        }
    }
}

/// Adds hints to the errors of results.
pub(crate) trait WithFile {
    /// Applies [`Error::with_store`] to the error.
    fn with_store(self, directory: &Path) -> Self;

    /// Applies [`Error::with_hint`] to the error, if there is a file.
    fn with_file(self, file: Option<&Path>) -> Self;
}

impl<T> WithFile for Result<T> {
    fn with_store(self, directory: &Path) -> Self {
        self.map_err(|error| error.with_store(directory))
    }

    fn with_file(self, file: Option<&Path>) -> Self {
        self.map_err(|error| match file {
            Some(file) => error.with_hint(file.display()),
            None => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: &'static str, message: &str) -> Error {
        Error::Sqlite {
            code,
            message: message.into(),
            system: None,
        }
    }

    #[test]
    fn the_system_s_error_takes_precedence_over_sqlite_s() {
        let failed = |code, system| Error::Sqlite {
            code,
            message: "it failed".into(),
            system: Some(system),
        };
        for code in ["SQLITE_CANTOPEN", "SQLITE_IOERR_WRITE"] {
            for (system, expected) in [
                ("EMFILE", "ulimit -n"),
                ("ENFILE", "fs.file-max"),
                ("EDQUOT", "quota"),
                ("ENOSPC", "full"),
                ("EROFS", "read-only (EROFS)"),
                ("ENAMETOOLONG", "too long"),
                ("ELOOP", "links"),
                ("ENOLCK", "lock files"),
            ] {
                let said = failed(code, system).with_hint("/stores/a").to_string();
                assert!(said.contains(expected), "{said}");
                assert!(!said.contains("this user may"), "{said}");
                assert!(!said.contains("system's log"), "{said}");
            }
        }
        let said = failed("SQLITE_CANTOPEN", "EACCES").with_hint("/stores/a");
        assert!(said.to_string().contains("this user may"), "{said}");
        let said = failed("SQLITE_IOERR_READ", "EIO").with_hint("/stores/a");
        assert!(said.to_string().contains("system's log"), "{said}");
        // Here, another process's lock causes this error number.
        let said = failed("SQLITE_IOERR_LOCK", "EAGAIN").with_hint("/stores/a");
        assert!(!said.to_string().contains("thread"), "{said}");
        // An error that does not concern the disk has no system hint, either.
        let said = failed("SQLITE_ERROR", "EMFILE").with_hint("/stores/a");
        assert_eq!(said.to_string(), "it failed");
    }

    #[test]
    fn sqlite_s_message_comes_first_and_the_file_once() {
        let store = Path::new("/stores/a");
        let full = sqlite("SQLITE_FULL", "database or disk is full");
        let once = full.with_store(store);
        let said = once.to_string();
        let file = file_in_directory(store);
        let expected = format!("database or disk is full: {}. Make room", file.display());
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(once.code(), "SQLITE_FULL");
        assert_eq!(once.with_store(store).to_string(), said);
    }

    #[test]
    fn errors_that_do_not_concern_the_disk_are_unchanged() {
        let error = sqlite("SQLITE_ERROR", "no such table: kvStore");
        let said = error.with_hint("/stores/a").to_string();
        assert_eq!(said, "no such table: kvStore");
        let missing = Error::NoSuchDirectory.with_store(Path::new("/stores/a"));
        assert!(matches!(missing, Error::NoStore { .. }));
    }
}
