//! Writing a transaction's changes to the disk before it is committed.
//!
//! A commit waits until all that was written since the last one is on the disk. After an import
//! that is the whole store, and the commit is made by whoever has a thread that must not wait.
//! So an import has it written beforehand, on another thread; what is left for the commit is
//! little.
#![allow(unsafe_code)]

use std::ptr;

use rusqlite::{MAIN_DB, ffi};

use super::error::Result;
use super::{Database, Store};

impl Store {
    /// Writes what was changed to the disk, without committing it. This takes as long as the
    /// disk takes. A store that is in memory, or that is written by way of a journal, is left
    /// as it is.
    ///
    /// # Errors
    /// SQLite's errors, such as a full disk.
    pub fn write_back(&self) -> Result<()> {
        self.db.lock().write_back()
    }
}

impl Database {
    fn write_back(&self) -> Result<()> {
        self.settle_entirely()?;
        let connection = self.connection()?;
        let mode: String =
            connection.pragma_query_value(Some("main"), "journal_mode", |row| row.get(0))?;
        if mode != "off" {
            return Ok(());
        }
        connection.cache_flush()?;
        let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
        // SAFETY: the connection is open, and whoever calls this has locked it, so that nobody
        // else uses it or its file meanwhile. SQLite writes a pointer to the place that it is
        // given; the file belongs to the connection and stays open as long as it. A file that
        // isn't open has no methods; one that is has all of the first version, of which `xSync`
        // is one, and may be synced at any time.
        let code = unsafe {
            let code = ffi::sqlite3_file_control(
                connection.handle(),
                MAIN_DB.as_ptr(),
                ffi::SQLITE_FCNTL_FILE_POINTER,
                ptr::from_mut(&mut file).cast(),
            );
            let methods = file.as_ref().and_then(|file| file.pMethods.as_ref());
            match methods.and_then(|methods| methods.xSync) {
                Some(sync) if code == ffi::SQLITE_OK => sync(file, ffi::SQLITE_SYNC_NORMAL),
                _ => code,
            }
        };
        if code == ffi::SQLITE_OK || code == ffi::SQLITE_NOTFOUND {
            return Ok(());
        }
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Location, OpenOptions, SharedDatabase, StoreOptions};

    #[test]
    fn what_is_written_back_is_neither_committed_nor_lost() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file.sqlite");
        let database =
            SharedDatabase::open(Location::File(file.clone()), &OpenOptions::default()).unwrap();
        {
            let db = database.lock();
            db.execute("PRAGMA journal_mode=off; CREATE TABLE t (x)")
                .unwrap();
            db.execute("BEGIN IMMEDIATE").unwrap();
            for _ in 0..100 {
                db.execute("INSERT INTO t VALUES (randomblob(2000))")
                    .unwrap();
            }
            let before = std::fs::metadata(&file).unwrap().len();
            db.write_back().unwrap();
            assert!(std::fs::metadata(&file).unwrap().len() >= before + 200_000);
            assert!(!db.connection().unwrap().is_autocommit());
            db.execute("COMMIT").unwrap();
        }
        let other = rusqlite::Connection::open(&file).unwrap();
        let count: i64 = other
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 100);
    }

    #[test]
    fn other_stores_are_left_as_they_are() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.kernel_set(b"key", b"value").unwrap();
        store.write_back().unwrap();
        assert_eq!(store.kv_get(b"key").unwrap(), Some(b"value".to_vec()));
        let dir = tempfile::tempdir().unwrap();
        let file = Location::File(dir.path().join("file.sqlite"));
        let database = SharedDatabase::open(file, &OpenOptions::default()).unwrap();
        let db = database.lock();
        db.execute("PRAGMA journal_mode=wal; CREATE TABLE t (x)")
            .unwrap();
        db.write_back().unwrap();
    }
}
