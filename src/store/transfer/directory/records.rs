//! Collects export records until all have been read, because a later record may replace or delete
//! an earlier one. They are in a temporary table, which SQLite moves to disk when it grows.

use rusqlite::params;

use super::data::Entry;
use crate::store::database::sql_text::SqlText;
use crate::store::database::{Database, SharedDatabase};
use crate::store::error::Result;
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::exporter::Record;

/// The latest record of each key.
pub(super) struct LatestRecords<'a> {
    db: &'a SharedDatabase,
}

impl<'a> LatestRecords<'a> {
    /// Creates the empty table. A database can have only one at a time.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn create(db: &'a SharedDatabase) -> Result<LatestRecords<'a>> {
        db.lock().execute(
            "CREATE TEMP TABLE latestRecords (
               position INTEGER PRIMARY KEY, key TEXT UNIQUE, value TEXT
             )",
        )?;
        Ok(LatestRecords { db })
    }

    /// Stores a record, or removes the record of a deleted key. `db` is the locked database.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn apply(&self, db: &Database, (key, value): &Entry) -> Result<()> {
        match value {
            Some(value) => db.run(
                "INSERT INTO latestRecords (key, value) VALUES (?, ?)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
                params![SqlText(key), SqlText(value)],
            )?,
            None => db.run(
                "DELETE FROM latestRecords WHERE key = ?",
                params![SqlText(key)],
            )?,
        };
        Ok(())
    }

    /// The number of records.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn count(&self) -> Result<u64> {
        let count = "SELECT count(*) FROM latestRecords";
        let count: Option<i64> = self.db.lock().value(count, [])?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// Calls `take` with all records in batches, in the order in which their keys first appeared.
    /// Drops the table.
    ///
    /// # Errors
    /// Errors of `take`; [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub(super) fn drain(
        self,
        monitor: &Monitor,
        mut take: impl FnMut(Vec<Record>) -> Result<()>,
    ) -> Result<()> {
        let mut position = i64::MIN;
        loop {
            monitor.check()?;
            let (batch, last) = self.batch(position)?;
            if batch.is_empty() {
                break;
            }
            position = last;
            take(batch)?;
        }
        self.db.lock().execute("DROP TABLE latestRecords")
    }

    /// The next batch of records after a position, and the position of its last record.
    fn batch(&self, mut position: i64) -> Result<(Vec<Record>, i64)> {
        let db = self.db.lock();
        let mut statement = db.prepare(
            "SELECT position, key, value FROM latestRecords WHERE position > ? ORDER BY position",
        )?;
        let mut rows = statement.query(params![position])?;
        let mut batch: Vec<Record> = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let key = row.get_ref(1)?.as_bytes()?.to_vec();
            let value = row.get_ref(2)?.as_bytes()?.to_vec();
            bytes += key.len() + value.len();
            position = row.get(0)?;
            batch.push((key, value));
            if bytes >= limits().record_batch_bytes {
                break;
            }
        }
        Ok((batch, position))
    }
}
