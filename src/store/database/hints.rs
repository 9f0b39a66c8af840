//! What to do with a disk that fails, or a file that may not be used.
//!
//! SQLite's messages name no file ("disk I/O error", "unable to open database file"). Callers of the
//! reference's functions expect just these words. Functions of our own say of which file they are,
//! and what can be done.

use std::fmt::Display;
use std::path::Path;

use super::locate::{file_in_directory, no_store};
use crate::store::error::{Error, Result, system};

const NO_MEMORY: &str =
    "Let something else go of memory, or allow this process more, and do it again";

/// What can be done with SQLite's failures, by the beginning of their names.
const HINTS: [(&str, &str); 11] = [
    (
        "SQLITE_FULL",
        "Make room on its disk (or, if that has enough, where temporary files are kept), and do it \
         again",
    ),
    (
        "SQLITE_READONLY_DBMOVED",
        "The file was moved or replaced meanwhile. Do it again",
    ),
    (
        "SQLITE_READONLY_ROLLBACK",
        "A program began a transaction and did not finish it: the journal beside the file \
         (-journal) has to be rolled back first. Have a user who may write to the file, the journal \
         and their directory run `swing-store verify`, which rolls it back; then do it again",
    ),
    (
        "SQLITE_READONLY",
        "Files beside it (-wal, -shm) are written even where the store is only read. See whether \
         this user may write to all of them, to the file and to its directory, and whether the disk \
         is mounted read-only; then do it again",
    ),
    (
        "SQLITE_CANTOPEN",
        "See whether this user may read and write the file, and those beside it (-wal, -shm), and \
         make files in its directory, and whether the disk is mounted read-only; then do it again",
    ),
    (
        "SQLITE_IOERR_SHMSIZE",
        "Make room on its disk, and do it again",
    ),
    ("SQLITE_IOERR_NOMEM", NO_MEMORY),
    ("SQLITE_NOMEM", NO_MEMORY),
    (
        "SQLITE_IOERR",
        "The system's log may say what is wrong with the disk, or with the way to it. Once that is \
         mended, do it again",
    ),
    (
        "SQLITE_CORRUPT",
        "The file is damaged. A verification of the store tells what is; restore it from a backup, or \
         by state-sync",
    ),
    (
        "SQLITE_BUSY",
        "Somebody else is using it, and did not let go of it for some seconds. Wait for them, or \
         stop them, and do it again",
    ),
];

/// What to do with a failure: with the system's, where that has one cause, else with SQLite's.
fn hint(code: &str, system: Option<&str>) -> Option<&'static str> {
    let of_sqlite = HINTS.iter().find(|(begins, _)| code.starts_with(begins));
    let (_, of_sqlite) = of_sqlite?;
    Some(system.and_then(system::hint).unwrap_or(of_sqlite))
}

impl Error {
    /// Says of which file an error of SQLite is, and what to do; as it is if that is no question
    /// of the disk, or was said before.
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

    /// As [`Error::with_hint`], for the store in a directory.
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

/// Results whose errors are to say more.
pub(crate) trait WithFile {
    /// With an error as by [`Error::with_store`].
    fn with_store(self, directory: &Path) -> Self;

    /// With an error as by [`Error::with_hint`], of a database's file.
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
    fn the_system_s_reason_counts_more_than_what_sqlite_makes_of_it() {
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
        // Somebody else's lock is what is behind this number there.
        let said = failed("SQLITE_IOERR_LOCK", "EAGAIN").with_hint("/stores/a");
        assert!(!said.to_string().contains("thread"), "{said}");
        // What is no question of the disk is none of the system's, either.
        let said = failed("SQLITE_ERROR", "EMFILE").with_hint("/stores/a");
        assert_eq!(said.to_string(), "it failed");
    }

    #[test]
    fn sqlite_s_words_come_first_and_the_file_once() {
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
    fn what_is_no_question_of_the_disk_stays() {
        let error = sqlite("SQLITE_ERROR", "no such table: kvStore");
        let said = error.with_hint("/stores/a").to_string();
        assert_eq!(said, "no such table: kvStore");
        let missing = Error::NoSuchDirectory.with_store(Path::new("/stores/a"));
        assert!(matches!(missing, Error::NoStore { .. }));
    }
}
