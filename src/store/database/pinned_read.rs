//! Pins a connection to one commit, even if SQLite ends its read transaction.
//!
//! When the disk fails during a read, SQLite ends the whole transaction. The next read would see a
//! later commit without any notice. So a pinned connection begins a new transaction, and checks
//! that nobody has committed meanwhile.

use rusqlite::Connection;

use crate::store::error::{Error, Result};

/// Which commit a connection reads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum PinnedRead {
    /// Any.
    #[default]
    Any,
    /// The commit with this data version; `None` if it could not be read.
    Fixed(Option<i64>),
}

impl PinnedRead {
    /// The commit that the connection's open read transaction sees.
    pub(crate) fn now(connection: &Connection) -> PinnedRead {
        let version = connection.query_row("PRAGMA data_version", [], |row| row.get(0));
        PinnedRead::Fixed(version.ok())
    }
}

/// Makes sure that the connection is in a transaction that sees the pinned commit.
///
/// # Errors
/// [`Error::PinnedReadLost`]; SQLite's errors.
pub(crate) fn check(pinned_read: PinnedRead, connection: &Connection) -> Result<()> {
    match pinned_read {
        PinnedRead::Fixed(version) if connection.is_autocommit() => return_to(version, connection),
        _ => Ok(()),
    }
}

fn return_to(version: Option<i64>, connection: &Connection) -> Result<()> {
    connection.execute_batch("BEGIN")?;
    let read = || {
        // The transaction starts at the first read.
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
        connection.query_row("PRAGMA data_version", [], |row| row.get(0))
    };
    let outcome = match read() {
        Ok(now) if version == Some(now) => return Ok(()),
        Ok::<i64, _>(_) => Err(Error::PinnedReadLost),
        Err(error) => Err(Error::from(error)),
    };
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::{Location, OpenOptions};
    use crate::store::records::mode::ArtifactMode;
    use crate::store::substores::{Store, StoreOptions};
    use crate::store::transfer::exporter::Exporter;

    #[test]
    fn a_lost_transaction_is_restarted_or_reported() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::File(
            directory
                .path()
                .join(crate::store::database::locate::FILE_NAME),
        );
        let options = StoreOptions::default();
        let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
        store.host_set(b"host.height", b"1").unwrap();
        store.commit().unwrap();
        let exporter = Exporter::open(directory.path(), ArtifactMode::Operational).unwrap();
        // SQLite does the same if a read fails.
        let lose = || {
            let db = exporter.database().lock();
            db.connection().unwrap().execute_batch("ROLLBACK").unwrap();
        };
        let height = || exporter.get_host_kv(b"host.height");
        lose();
        assert_eq!(height().unwrap().unwrap(), b"1");
        assert!(exporter.database().lock().in_transaction());
        store.host_set(b"host.height", b"2").unwrap();
        store.commit().unwrap();
        assert_eq!(height().unwrap().unwrap(), b"1", "it sees its own state");
        lose();
        for _ in 0..2 {
            assert!(matches!(height(), Err(Error::PinnedReadLost)));
        }
        exporter.close().unwrap();
        assert!(matches!(exporter.close(), Err(Error::DatabaseClosed)));
    }
}
