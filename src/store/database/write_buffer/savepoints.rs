//! Savepoints, which are created in SQL only before a write to SQLite.
//!
//! The stack holds the savepoints that SQL would have without a buffer, oldest first: `t0`, `t1`
//! and so on of the crank, and on top the savepoint of a call that writes in several steps. After a
//! rollback to one of the crank's, that savepoint stays on the stack, as in SQL, so that a tool's
//! `ROLLBACK TO` finds the same state. All savepoints end with the crank.

use super::buffer::{PENDING_SHARE, Savepoint};
use crate::store::database::{Database, Trust};
use crate::store::error::Result;

/// Maximum number of keys that a rollback reports individually. Reporting a key, and dropping it
/// from JavaScript's cache, takes 1 µs. For more keys, reading the needed values again is faster.
const MAX_REPORTED_KEYS: usize = 1000;

/// Number of savepoints whose statements are cached. The statements of a crank with hundreds of
/// savepoints would evict all others.
const MAX_CACHED: usize = 8;

impl Database {
    /// Sets the crank's savepoint with this ordinal, for [`Database::roll_back_to_savepoint`].
    ///
    /// Flushes first if the last rollback restored many entries that had been flushed. So each
    /// entry is written at most twice, and a block whose cranks are repeatedly rolled back is not
    /// rewritten each time. Flushes also if the undo log is large, because entries that are not in
    /// the buffer when a savepoint is set need no undo records.
    ///
    /// # Errors
    /// SQLite's errors; then the savepoint is not set.
    pub(crate) fn set_savepoint(&self, ordinal: usize) -> Result<()> {
        let buffer = self.buffer.borrow();
        let is_large = buffer.kv.undo_bytes() > buffer.kv_limit
            || buffer.pending.undo_bytes() > buffer.kv_limit.saturating_mul(PENDING_SHARE);
        let flushes = buffer.flushes_before_mark || is_large;
        drop(buffer);
        if flushes {
            self.flush()?;
            self.flush_pending_exports()?;
            self.buffer.borrow_mut().flushes_before_mark = false;
        }
        self.push_savepoint(Savepoint::Crank(ordinal))
    }

    fn push_savepoint(&self, savepoint: Savepoint) -> Result<()> {
        let mut buffer = self.buffer.borrow_mut();
        let place = buffer.savepoints.len();
        buffer.push_savepoint(savepoint);
        if buffer.is_on {
            return Ok(());
        }
        drop(buffer);
        self.create_savepoints()
            .inspect_err(|_| self.buffer.borrow_mut().release_savepoints_from(place))
    }

    /// Creates the savepoints in SQL that it does not have yet.
    pub(crate) fn create_savepoints(&self) -> Result<()> {
        loop {
            let buffer = self.buffer.borrow();
            let place = buffer.savepoints_in_sql;
            let Some(savepoint) = buffer.savepoints.get(place).copied() else {
                return Ok(());
            };
            drop(buffer);
            let sql = format!("SAVEPOINT {}", savepoint.name());
            if place < MAX_CACHED {
                self.run_directly(&sql)?;
            } else {
                self.checked(self.connection()?.execute(&sql, []))?;
            }
            self.buffer.borrow_mut().savepoints_in_sql = place + 1;
        }
    }

    /// Rolls back to a savepoint. Returns the keys of the `kvStore` table whose values may have
    /// changed; cached values of other keys are still valid. If the keys cannot be listed,
    /// invalidates all cached values and returns none.
    ///
    /// # Errors
    /// SQLite's error, if it no longer has the savepoint.
    pub(crate) fn roll_back_to_savepoint(&mut self, ordinal: usize) -> Result<Vec<String>> {
        let buffer = self.buffer.borrow();
        let place = buffer.place_of(ordinal);
        let is_in_sql = place.is_none_or(|place| place < buffer.savepoints_in_sql);
        let is_without_journal = buffer.is_without_journal;
        drop(buffer);
        match place {
            Some(place) => self.before_rollback(place),
            None => self.detach_readers(),
        }
        if is_in_sql {
            // A savepoint that is not on the stack may be a tool's. Otherwise SQLite's error is
            // reported.
            self.run_directly(&format!("ROLLBACK TO SAVEPOINT t{ordinal}"))?;
        }
        let Some(place) = place else {
            self.after_tool_sql();
            return Ok(Vec::new());
        };
        let mut buffer = self.buffer.borrow_mut();
        if is_without_journal {
            // Rows that were written remain, so buffered ones must remain, too: an item without its
            // span would block the next one.
            buffer.release_savepoints_from(place + 1);
            return Ok(Vec::new());
        }
        let can_report = buffer.is_on
            && !buffer.has_unlogged_writes
            && buffer.kv.changes_since(place) <= MAX_REPORTED_KEYS;
        // A key that is not UTF-8 cannot be reported as a string.
        let undone: Option<Vec<String>> = can_report
            .then(|| buffer.kv.changed_since(place))
            .and_then(|keys| {
                keys.map(|key| std::str::from_utf8(key).map(str::to_owned).ok())
                    .collect()
            });
        // The first savepoint also covers writes that the undo maps do not contain.
        buffer.has_unlogged_writes &= place > 0;
        buffer.undo_to(place);
        drop(buffer);
        if undone.is_none() {
            self.signal.invalidate();
        }
        Ok(undone.unwrap_or_default())
    }

    /// Releases all savepoints of the crank and keeps the writes since. `is_set` says whether the
    /// crank has savepoints that it has not rolled back to.
    ///
    /// # Errors
    /// SQLite's error, if it no longer has the first of them.
    pub(crate) fn release_savepoints(&self, is_set: bool) -> Result<()> {
        let buffer = self.buffer.borrow();
        let last = buffer.place_of(0);
        let is_in_sql = last.is_none_or(|place| place < buffer.savepoints_in_sql);
        drop(buffer);
        if is_set && is_in_sql {
            self.run_directly("RELEASE SAVEPOINT t0")?;
        }
        if let Some(last) = last.filter(|_| is_set) {
            self.buffer.borrow_mut().release_savepoints_from(last);
        }
        if !self.buffer.borrow().has_crank_savepoints() {
            self.buffer.borrow_mut().has_unlogged_writes = false;
            return Ok(());
        }
        // The remaining savepoints were rolled back to. A tool may have ended them in SQL.
        while self.buffer.borrow().savepoints_in_sql > 0 {
            let last = self.buffer.borrow().place_of(0).unwrap_or(0);
            drop(self.run_directly("RELEASE SAVEPOINT t0"));
            self.buffer.borrow_mut().release_savepoints_from(last);
        }
        let mut buffer = self.buffer.borrow_mut();
        buffer.release_savepoints_from(0);
        buffer.has_unlogged_writes = false;
        Ok(())
    }

    /// Records that a tool has rolled back to one of the crank's savepoints, which stays.
    ///
    /// SQL has undone its writes, which may include entries that were buffered when the savepoint
    /// was set.
    pub(crate) fn tool_rolled_back_to(&self, ordinal: usize) {
        let mut buffer = self.buffer.borrow_mut();
        if let Some(place) = buffer.place_of(ordinal) {
            if buffer.is_without_journal {
                buffer.release_savepoints_from(place + 1);
            } else {
                buffer.undo_to(place);
            }
        }
    }

    /// Records that a tool has released one of the crank's savepoints and later ones.
    pub(crate) fn tool_released(&self, ordinal: usize) {
        let mut buffer = self.buffer.borrow_mut();
        if let Some(place) = buffer.place_of(ordinal) {
            buffer.release_savepoints_from(place);
        }
    }

    /// Runs `work`, which writes in several steps. If it fails, all its writes are rolled back, in
    /// the buffer and in SQL.
    ///
    /// # Errors
    /// Those of `work`. Without a journal SQL cannot roll back; if `work` has written to SQL, the
    /// database becomes [`Trust::Torn`].
    pub(crate) fn atomically<T>(
        &mut self,
        work: impl FnOnce(&mut Database) -> Result<T>,
    ) -> Result<T> {
        if self.buffer.borrow().is_without_journal {
            // From here on, rows changed in SQL are changes of `work`.
            self.flush_all()?;
        }
        let changes = self.total_changes();
        let place = self.buffer.borrow().savepoints.len();
        self.push_savepoint(Savepoint::Call)?;
        let done = work(self).and_then(|value| self.release_call(place).map(|()| value));
        if done.is_err() {
            self.roll_back_call(place, changes);
        }
        done
    }

    /// The number of rows that the connection has changed since it was opened.
    fn total_changes(&self) -> Option<u64> {
        Some(self.connection.as_ref()?.total_changes())
    }

    /// Whether the call's savepoint at `place` exists in SQL; `None` if it ended with its
    /// transaction.
    fn call_at(&self, place: usize) -> Option<bool> {
        let buffer = self.buffer.borrow();
        let is_there = buffer.savepoints.get(place) == Some(&Savepoint::Call);
        is_there.then_some(buffer.savepoints_in_sql > place)
    }

    fn release_call(&self, place: usize) -> Result<()> {
        let Some(is_in_sql) = self.call_at(place) else {
            return Ok(());
        };
        if is_in_sql {
            self.run_directly("RELEASE SAVEPOINT swing_store_call")?;
        }
        self.buffer.borrow_mut().release_savepoints_from(place);
        Ok(())
    }

    fn roll_back_call(&self, place: usize, changes: Option<u64>) {
        let Some(is_in_sql) = self.call_at(place) else {
            return;
        };
        let mut buffer = self.buffer.borrow_mut();
        let is_without_journal = buffer.is_without_journal;
        buffer.undo_to(place);
        buffer.release_savepoints_from(place);
        drop(buffer);
        if is_in_sql && self.in_transaction() {
            let sql = [
                "ROLLBACK TO SAVEPOINT swing_store_call",
                "RELEASE SAVEPOINT swing_store_call",
            ];
            let is_undone = sql.iter().all(|sql| self.run_directly(sql).is_ok());
            let has_written = is_without_journal && self.total_changes() != changes;
            if self.in_transaction() && (has_written || !is_undone) {
                self.trust.set(Trust::Torn);
            }
        }
    }
}
