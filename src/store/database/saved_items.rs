//! Transcript items saved for open span readers before they are deleted from the store.
//!
//! They are saved in a temporary SQLite database, which keeps as much as fits into its page cache
//! in memory and the rest in an unnamed file, and reuses the space of deleted rows. All readers of
//! a store share one such database, and items that several readers need are saved once.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use rusqlite::{Connection, params};

use crate::store::error::{Error, Result};
use crate::store::tasks::limits::{limits, page_cache_kib};
use crate::store::tasks::lock;

/// A temporary database of saved items.
pub(crate) struct SavedItems(Mutex<Connection>);

/// The temporary database that all readers of a store share. It exists while it has items.
#[derive(Default)]
pub(crate) struct SharedItems(RefCell<Weak<SavedItems>>);

impl SharedItems {
    /// The temporary database, which is created if there is none.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn get(&self) -> Result<Arc<SavedItems>> {
        if let Some(items) = self.existing() {
            return Ok(items);
        }
        let items = SavedItems::new()?;
        self.0.replace(Arc::downgrade(&items));
        Ok(items)
    }

    /// The temporary database, if there is one.
    pub(crate) fn existing(&self) -> Option<Arc<SavedItems>> {
        self.0.borrow().upgrade()
    }

    /// Uses another temporary database from now on.
    pub(crate) fn forget(&self) {
        self.0.replace(Weak::new());
    }
}

/// The saved items of one range of positions. Dropping the last reference deletes them.
pub(crate) struct SavedRange {
    items: Arc<SavedItems>,
    number: i64,
}

impl SavedItems {
    /// Creates an empty temporary database.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn new() -> Result<Arc<SavedItems>> {
        // SQLite creates a temporary database for the empty name.
        let connection = Connection::open("")?;
        let cache_kib = (limits().item_batch_bytes / 1024).max(page_cache_kib::MIN_SAVED_ITEMS);
        // Nothing has to survive a failure: a range that could not be saved whole is not used.
        connection.execute_batch(&format!(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{cache_kib};
             CREATE TABLE ranges (number INTEGER PRIMARY KEY);
             CREATE TABLE items (
               number INTEGER, position INTEGER, item BLOB, PRIMARY KEY (number, position)
             )"
        ))?;
        Ok(Arc::new(SavedItems(Mutex::new(connection))))
    }

    /// The number of saved items.
    #[cfg(test)]
    pub(crate) fn count(&self) -> i64 {
        let connection = self.lock();
        connection
            .query_row("SELECT COUNT(*) FROM items", [], |row| row.get(0))
            .unwrap_or(-1)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        lock::lock(&self.0)
    }
}

impl SavedRange {
    /// Saves a range of items. `give` receives a function and calls it with each position and item.
    ///
    /// # Errors
    /// Those of `give`; SQLite's errors.
    pub(crate) fn new(
        items: &Arc<SavedItems>,
        give: impl FnOnce(&mut dyn FnMut(i64, &[u8]) -> Result<()>) -> Result<()>,
    ) -> Result<Arc<SavedRange>> {
        let connection = items.lock();
        connection.execute("INSERT INTO ranges DEFAULT VALUES", [])?;
        let number = connection.last_insert_rowid();
        connection.execute_batch("BEGIN")?;
        let saved = connection
            .prepare_cached("INSERT INTO items VALUES (?, ?, ?)")
            .map_err(Error::from)
            .and_then(|mut insert| {
                give(&mut |position, item| {
                    insert.execute(params![number, position, item])?;
                    Ok(())
                })
            });
        let ended = connection.execute_batch("COMMIT").map_err(Error::from);
        drop(connection);
        // After a failure, dropping the range deletes the rows inserted so far.
        let range = Arc::new(SavedRange {
            items: items.clone(),
            number,
        });
        saved.and(ended).map(|()| range)
    }

    /// Passes the items from position `start` to `end` (exclusive) to `take`, in order, until it
    /// returns false. Returns whether all were passed.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn read(
        &self,
        start: i64,
        end: i64,
        mut take: impl FnMut(i64, &[u8]) -> bool,
    ) -> Result<bool> {
        let connection = self.items.lock();
        let mut statement = connection.prepare_cached(
            "SELECT position, item FROM items
             WHERE number = ? AND ? <= position AND position < ? ORDER BY position",
        )?;
        let mut rows = statement.query(params![self.number, start, end])?;
        while let Some(row) = rows.next()? {
            if !take(
                row.get(0)?,
                row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?,
            ) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Drop for SavedRange {
    fn drop(&mut self) {
        if Arc::strong_count(&self.items) == 1 {
            // This drops the whole temporary database, which is faster than deleting rows.
            return;
        }
        let connection = self.items.lock();
        // Rows that cannot be deleted are removed with the database.
        for sql in [
            "DELETE FROM items WHERE number = ?",
            "DELETE FROM ranges WHERE number = ?",
        ] {
            drop(connection.execute(sql, [self.number]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_was_given_up_is_not_used_again() {
        let shared = SharedItems::default();
        let first = shared.get().unwrap();
        assert!(Arc::ptr_eq(&first, &shared.get().unwrap()));
        shared.forget();
        assert!(shared.existing().is_none());
        assert!(!Arc::ptr_eq(&first, &shared.get().unwrap()));
    }

    fn save(items: &Arc<SavedItems>, positions: std::ops::Range<i64>) -> Arc<SavedRange> {
        SavedRange::new(items, |give| {
            positions
                .into_iter()
                .try_for_each(|position| give(position, position.to_string().as_bytes()))
        })
        .unwrap()
    }

    fn read(range: &SavedRange, start: i64, end: i64, most: usize) -> (bool, Vec<i64>) {
        let mut seen = Vec::new();
        let is_all = range.read(start, end, |position, item| {
            assert_eq!(item, position.to_string().as_bytes());
            seen.push(position);
            seen.len() < most
        });
        (is_all.unwrap(), seen)
    }

    #[test]
    fn a_range_is_read_as_far_as_wanted_and_deleted_when_dropped() {
        let items = SavedItems::new().unwrap();
        let one = save(&items, 0..5);
        let other = save(&items, 3..8);
        assert_eq!(items.count(), 10);
        assert_eq!(read(&one, 1, 4, 9), (true, vec![1, 2, 3]));
        assert_eq!(read(&one, 0, 5, 2), (false, vec![0, 1]));
        assert_eq!(read(&other, 0, 100, 9), (true, vec![3, 4, 5, 6, 7]));
        drop(one);
        assert_eq!(items.count(), 5);
        assert_eq!(read(&other, 4, 5, 9), (true, vec![4]));
        drop(other);
        assert_eq!(items.count(), 0);
    }

    #[test]
    fn what_could_not_be_saved_whole_is_deleted() {
        let items = SavedItems::new().unwrap();
        let failed = SavedRange::new(&items, |give| {
            give(1, b"one")?;
            Err(Error::Aborted)
        });
        assert!(matches!(failed.map(drop), Err(Error::Aborted)));
        assert_eq!(items.count(), 0);
    }
}
