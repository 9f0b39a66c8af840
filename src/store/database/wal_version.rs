//! A look at the WAL-index: whether any connection, of this process or another one, has
//! committed since the last look.
//!
//! SQLite answers that question by `PRAGMA data_version`, at the price of a statement and of
//! locks. But the answer lies in memory that all connections share: the first 48 bytes of the
//! WAL-index are its header, which every commit changes (it counts the changes, and carries a
//! checksum of the log), and which readers compare to find out whether their cache still holds.
//! See "The WAL-Index File Format" in SQLite's documentation.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use rusqlite::{Connection, ffi};

/// How many 32-bit words the WAL-index's header has.
const HEADER_WORDS: usize = 12;

/// The WAL-index's header as it was at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalVersion([u32; HEADER_WORDS]);

/// The size of the WAL-index's first part, by which SQLite asks the file system layer for it.
const REGION_BYTES: c_int = 32 * 1024;

impl WalVersion {
    /// Looks at the WAL-index; `None` if there is none.
    ///
    /// The connection must be in WAL mode and have read something since it is: then its
    /// WAL-index is mapped, and asking for it again changes nothing.
    pub(crate) fn read(connection: &Connection) -> Option<WalVersion> {
        let words = wal_index(connection)?;
        let mut header = [0; HEADER_WORDS];
        for (at, word) in header.iter_mut().enumerate() {
            // SAFETY: the words are within the region, which stays while the connection is
            // borrowed. Other processes may write them at any time, so they are read by volatile
            // reads of whole words; whatever they give is only compared.
            *word = unsafe { words.as_ptr().add(at).read_volatile() };
        }
        Some(WalVersion(header))
    }
}

/// Whether the database is in WAL mode. Where it is not, a look at the WAL-index would make a file
/// for it, and keep it open for good.
pub(crate) fn is_in_wal_mode(connection: &Connection) -> bool {
    connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .is_ok_and(|mode: String| mode == "wal")
}

/// Where the first part of the WAL-index is mapped, as long as the connection is open and in WAL
/// mode; `None` if there is none. Same precondition as [`WalVersion::read`].
fn wal_index(connection: &Connection) -> Option<NonNull<u32>> {
    // SAFETY: an open connection, by the borrow. The pointers are used within this function,
    // while the connection is borrowed, so that its file stays. The file control writes the
    // pointer to the file, for which there is a place. The methods of a file that has a WAL-index
    // include `xShmMap` (version 2), which is checked. The region is as long as asked for, and is
    // aligned, since it begins a page.
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
        // Not to be made, should it not be there.
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
    fn every_commit_of_any_connection_shows() {
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
        // Reading, and a transaction that changes nothing, leave no trace.
        other.execute_batch("BEGIN IMMEDIATE; COMMIT").unwrap();
        let count: i64 = other
            .query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!((count, look()), (4, before));
        // The log begins anew after a checkpoint.
        other
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (1)")
            .unwrap();
        assert_ne!(before, look());
    }
}
