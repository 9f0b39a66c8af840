//! Statistics of SQLite's page cache.
#![allow(unsafe_code)]

use std::ffi::c_int;

use rusqlite::{Connection, ffi};

/// Statistics of a connection's page cache, since the connection was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PageCache {
    /// Pages that were in the cache.
    pub(crate) hits: u64,
    /// Pages that were not.
    pub(crate) misses: u64,
    /// Pages that were written before a commit because the cache was full.
    pub(crate) spills: u64,
    /// Its memory, in bytes.
    pub(crate) bytes: u64,
}

impl PageCache {
    /// The statistics of a connection.
    pub(crate) fn of(connection: &Connection) -> PageCache {
        PageCache {
            hits: status(connection, ffi::SQLITE_DBSTATUS_CACHE_HIT),
            misses: status(connection, ffi::SQLITE_DBSTATUS_CACHE_MISS),
            spills: status(connection, ffi::SQLITE_DBSTATUS_CACHE_SPILL),
            bytes: status(connection, ffi::SQLITE_DBSTATUS_CACHE_USED),
        }
    }
}

/// A number of a connection's status; 0 if SQLite does not have it.
fn status(connection: &Connection, number: c_int) -> u64 {
    let (mut current, mut highest) = (0, 0);
    // SAFETY: the connection is open because it is borrowed, and no other thread uses it because
    // `Connection` is not `Sync`. SQLite writes the results to two places of the right type.
    let status = unsafe {
        ffi::sqlite3_db_status64(
            connection.handle(),
            number,
            &raw mut current,
            &raw mut highest,
            0,
        )
    };
    if status == ffi::SQLITE_OK {
        u64::try_from(current).unwrap_or(0)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::open(directory.path().join("db")).unwrap();
        connection
            .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))")
            .unwrap();
        let before = PageCache::of(&connection);
        assert!(before.bytes > 100_000, "{before:?}");
        connection.execute_batch("PRAGMA cache_size=5").unwrap();
        connection
            .execute_batch("INSERT INTO t VALUES (zeroblob(1000000))")
            .unwrap();
        // SQLite reads large blobs past the cache.
        connection
            .execute_batch(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
                 INSERT INTO t SELECT zeroblob(3000) FROM n",
            )
            .unwrap();
        let read = "SELECT count(*), sum(length(hex(x))) FROM t WHERE length(x) = 3000";
        for _ in 0..2 {
            connection.query_row(read, [], |_| Ok(())).unwrap();
        }
        let after = PageCache::of(&connection);
        assert!(after.misses > before.misses + 200, "{after:?}");
        assert!(after.hits > before.hits, "{after:?}");
        assert!(after.spills > before.spills + 100, "{after:?}");
        assert_eq!(status(&connection, 9999), 0);
    }
}
