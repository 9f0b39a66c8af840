//! Export records that are kept until all have been read, because a later one may replace or delete
//! an earlier one. They lie in a temporary table, which goes to disk when it grows.

use rusqlite::params;

use super::data::Entry;
use crate::store::database::sql_text::SqlText;
use crate::store::database::{Database, SharedDatabase};
use crate::store::error::Result;
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::Monitor;

/// Whether a record is an entry of the key-value store, which is not kept.
pub(super) fn is_kv(key: &[u8]) -> bool {
    key == b"kv" || key.starts_with(b"kv.")
}

/// Records, of each key the last one.
pub(super) struct KeptRecords<'a> {
    db: &'a SharedDatabase,
}

/// A key and a value.
pub(super) type Kept = (Vec<u8>, Vec<u8>);

impl<'a> KeptRecords<'a> {
    /// No records yet. There may be only one such value for a database at a time.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn begin(db: &'a SharedDatabase) -> Result<KeptRecords<'a>> {
        db.lock().execute(
            "CREATE TEMP TABLE keptRecords (
               place INTEGER PRIMARY KEY, key TEXT UNIQUE, value TEXT
             )",
        )?;
        Ok(KeptRecords { db })
    }

    /// Keeps a record, or does away with the one of its key, in the database, which is locked.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn keep(&self, db: &Database, (key, value): &Entry) -> Result<()> {
        match value {
            Some(value) => db.run(
                "INSERT INTO keptRecords (key, value) VALUES (?, ?)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
                params![SqlText(key), SqlText(value)],
            )?,
            None => db.run(
                "DELETE FROM keptRecords WHERE key = ?",
                params![SqlText(key)],
            )?,
        };
        Ok(())
    }

    /// How many records there are.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn count(&self) -> Result<u64> {
        let count = "SELECT count(*) FROM keptRecords";
        let count: Option<i64> = self.db.lock().value(count, [])?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// Gives all records to `take`, batch by batch, in the order in which their keys first came.
    ///
    /// # Errors
    /// Those of `take`; [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub(super) fn take(
        self,
        monitor: &Monitor,
        mut take: impl FnMut(Vec<Kept>) -> Result<()>,
    ) -> Result<()> {
        let mut place = i64::MIN;
        loop {
            monitor.check()?;
            let (batch, last) = self.batch(place)?;
            if batch.is_empty() {
                break;
            }
            place = last;
            take(batch)?;
        }
        self.db.lock().execute("DROP TABLE keptRecords")
    }

    /// The next records behind a place, and the place of the last of them.
    fn batch(&self, mut place: i64) -> Result<(Vec<Kept>, i64)> {
        let db = self.db.lock();
        let mut statement =
            db.prepare("SELECT place, key, value FROM keptRecords WHERE place > ? ORDER BY place")?;
        let mut rows = statement.query(params![place])?;
        let mut batch: Vec<Kept> = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let key = row.get_ref(1)?.as_bytes()?.to_vec();
            let value = row.get_ref(2)?.as_bytes()?.to_vec();
            bytes += key.len() + value.len();
            place = row.get(0)?;
            batch.push((key, value));
            if bytes >= limits().record_batch_bytes {
                break;
            }
        }
        Ok((batch, place))
    }
}
