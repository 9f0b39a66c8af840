//! Detects commits by comparing headers of the WAL index.
//!
//! `PRAGMA data_version` answers the same question, at the cost of a statement and of locks. The
//! first 48 bytes of the WAL index, in memory shared by all connections of all processes, are its
//! header. Every commit changes it: it contains a change counter and checksums, and readers compare
//! it to decide whether their page cache is valid. See "The WAL-Index File Format" in SQLite's
//! documentation.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use rusqlite::{Connection, ffi};

/// Number of 32-bit words of the WAL index's header.
const HEADER_WORDS: usize = 12;

/// A copy of the WAL index's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalVersion([u32; HEADER_WORDS]);

/// The index of the word with the number of pages in the WAL.
const PAGES: usize = 4;

/// The size of the WAL index's first region, as SQLite requests it from the file system layer.
const REGION_BYTES: c_int = 32 * 1024;

impl WalVersion {
    /// Reads the WAL index's header; `None` if there is no WAL index.
    ///
    /// The connection must be in WAL mode, and must have read from the database since it entered
    /// that mode. Then its WAL index is mapped, and requesting the mapping again has no effect.
    pub(crate) fn read(connection: &Connection) -> Option<WalVersion> {
        let words = wal_index(connection)?;
        let mut header = [0; HEADER_WORDS];
        for (at, word) in header.iter_mut().enumerate() {
            // SAFETY: the words are within the region, which stays mapped while the connection is
            // borrowed. Other processes may write them at any time, so they are read by volatile
            // reads of whole words, and the values are only compared.
            *word = unsafe { words.as_ptr().add(at).read_volatile() };
        }
        Some(WalVersion(header))
    }

    /// The number of pages in the WAL.
    pub(crate) fn pages(self) -> u32 {
        self.0[PAGES]
    }
}

/// Whether the database is in WAL mode. Requesting the WAL index in any other mode would create a
/// file for it, and keep that file open.
pub(crate) fn is_in_wal_mode(connection: &Connection) -> bool {
    connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .is_ok_and(|mode: String| mode == "wal")
}

/// The address of the WAL index's first region, valid while the connection is open and in WAL mode;
/// `None` if there is no WAL index. Same precondition as [`WalVersion::read`].
fn wal_index(connection: &Connection) -> Option<NonNull<u32>> {
    // SAFETY: the connection is open because it is borrowed, and the pointers are used only within
    // this function, so its file stays open. The file control writes the pointer to the file into
    // `file`. The methods of a file with a WAL index include `xShmMap` from version 2 on, which is
    // checked. The region has the requested length, and is aligned because it starts at a page.
    unsafe {
        let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
        let status = ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        );
        if status != ffi::SQLITE_OK || file.is_null() {
            return None;
        }
        let methods = (*file).pMethods.as_ref()?;
        if methods.iVersion < 2 {
            return None;
        }
        let map = methods.xShmMap?;
        let mut region: *mut std::ffi::c_void = ptr::null_mut();
        // 0: do not create the region if it does not exist.
        let status = map(file, 0, REGION_BYTES, 0, (&raw mut region).cast());
        match status {
            ffi::SQLITE_OK => NonNull::new(region.cast()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_of_any_connection_changes_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("db");
        let connect = || {
            let connection = Connection::open(&file).unwrap();
            connection
                .execute_batch("PRAGMA journal_mode=wal; CREATE TABLE IF NOT EXISTS t (x)")
                .unwrap();
            connection
        };
        let (one, other) = (connect(), connect());
        let look = || WalVersion::read(&one).unwrap();
        let mut before = look();
        assert_eq!(before, look());
        for writer in [&one, &other, &other, &one] {
            writer
                .execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)")
                .unwrap();
            assert_eq!(before, look(), "nothing is committed yet");
            writer.execute_batch("COMMIT").unwrap();
            assert_ne!(before, look());
            before = look();
        }
        // Reading, and a transaction without changes, do not change it.
        other.execute_batch("BEGIN IMMEDIATE; COMMIT").unwrap();
        let count: i64 = other
            .query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!((count, look()), (4, before));
        // The log restarts after a checkpoint.
        other
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (1)")
            .unwrap();
        assert_ne!(before, look());
    }
}
