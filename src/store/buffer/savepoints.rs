//! Savepoints, which SQL gets to know when something is about to be written there.

use super::super::Database;
use super::super::error::Result;
use super::PENDING_SHARE;

/// The most keys that a rollback tells one by one. Telling one, and forgetting it in JavaScript, takes
/// a microsecond; beyond that, reading what is needed again is cheaper.
const MAX_TOLD: usize = 1000;

/// How many entries a rollback may restore that were in SQL already.
const MAX_RESTORED: usize = 100;

/// For how many savepoints the statements are kept. A crank with hundreds would drive all others out
/// of the statement cache.
const MAX_CACHED: usize = 8;

impl Database {
    /// Marks a point to which [`Database::return_to_savepoint`] can return. Savepoints are
    /// counted from 0.
    ///
    /// Writes everything first if the last rollback restored many entries that had been written: so
    /// each is written at most twice, and cranks that are rolled back again and again do not
    /// write the whole block each time. The same if the undo log is large: what is not in the buffer
    /// when a savepoint is set needs no undo log.
    pub(in crate::store) fn set_savepoint(&self) -> Result<()> {
        let buffer = self.buffer.borrow();
        let is_large = buffer.kv.undo_bytes() > buffer.kv_limit
            || buffer.pending.undo_bytes() > buffer.kv_limit.saturating_mul(PENDING_SHARE);
        let settles = buffer.is_on && (buffer.settles_before_mark || is_large);
        drop(buffer);
        if settles {
            let settled = self.settle().and_then(|()| self.spill_pending());
            // A row that SQLite refuses stays in the buffer, and the commit reports it.
            if settled.is_err() && !self.in_transaction() {
                self.miss_savepoint();
                return settled;
            }
            self.buffer.borrow_mut().settles_before_mark = false;
        }
        self.buffer.borrow_mut().mark();
        match self.is_buffered() {
            true => Ok(()),
            false => self.make_savepoints(),
        }
    }

    /// Counts a savepoint that could not be set, because no transaction could be begun. SQL will
    /// say that it has none of this name.
    pub(in crate::store) fn miss_savepoint(&self) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.mark();
        buffer.savepoints_in_sql = buffer.savepoints;
    }

    /// Makes the savepoints in SQL of which it does not know yet.
    pub(in crate::store) fn make_savepoints(&self) -> Result<()> {
        loop {
            let buffer = self.buffer.borrow();
            let ordinal = buffer.savepoints_in_sql;
            if ordinal >= buffer.savepoints {
                return Ok(());
            }
            drop(buffer);
            let sql = format!("SAVEPOINT t{ordinal}");
            if ordinal < MAX_CACHED {
                self.run_directly(&sql)?;
            } else {
                self.checked(self.connection()?.execute(&sql, []))?;
            }
            self.buffer.borrow_mut().savepoints_in_sql = ordinal + 1;
        }
    }

    /// Undoes what was written since a savepoint was set, and forgets it. Returns the keys of the
    /// kvStore that may have other values now; copies of others still hold. If they can't be
    /// told, all copies are made void, and none is returned.
    pub(in crate::store) fn return_to_savepoint(&mut self, ordinal: usize) -> Result<Vec<String>> {
        if self.buffer.borrow().is_without_journal {
            // What has reached the tables stays, so what is on its way must, too: an item without
            // its span would be in the way of the next one.
            self.forget_savepoints_from(ordinal);
            return Ok(Vec::new());
        }
        self.settle_readers()?;
        if self.buffer.borrow().savepoints_in_sql > ordinal {
            self.run_directly(&format!("ROLLBACK TO SAVEPOINT t{ordinal}"))?;
        }
        let mut buffer = self.buffer.borrow_mut();
        buffer.savepoints_in_sql = buffer.savepoints_in_sql.min(ordinal);
        buffer.savepoints = ordinal;
        buffer.undo_handed_out(ordinal);
        let can_tell =
            buffer.is_on && !buffer.has_unjournaled && buffer.kv.changes_since(ordinal) <= MAX_TOLD;
        // What is not UTF-8 has no string that it could be told by.
        let undone: Option<Vec<String>> = can_tell
            .then(|| buffer.kv.changed_since(ordinal))
            .and_then(|keys| {
                keys.map(|key| std::str::from_utf8(key).map(str::to_owned).ok())
                    .collect()
            });
        // What the journals know nothing of has been undone with the first savepoint.
        buffer.has_unjournaled &= ordinal > 0;
        let restored = buffer.kv.return_to(ordinal)
            + buffer.pending.return_to(ordinal)
            + buffer.spans.return_to(ordinal);
        buffer.settles_before_mark |= restored > MAX_RESTORED;
        buffer.scan.forget();
        drop(buffer);
        if undone.is_none() {
            self.signal.outdate();
        }
        Ok(undone.unwrap_or_default())
    }

    pub(super) fn forget_savepoints_from(&self, ordinal: usize) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.savepoints_in_sql = buffer.savepoints_in_sql.min(ordinal);
        buffer.savepoints = ordinal;
        buffer.kv.forget_marks_from(ordinal);
        buffer.pending.forget_marks_from(ordinal);
        buffer.spans.forget_marks_from(ordinal);
    }

    /// Forgets all savepoints, and keeps what was written since.
    pub(in crate::store) fn release_savepoints(&self) -> Result<()> {
        if self.buffer.borrow().savepoints_in_sql > 0 {
            self.run_directly("RELEASE SAVEPOINT t0")?;
        }
        self.forget_savepoints_from(0);
        self.buffer.borrow_mut().has_unjournaled = false;
        Ok(())
    }

    /// Takes note that a tool has returned to a savepoint of the crank's, which stays.
    ///
    /// SQL has undone what was written there, and that may include what was buffered when the
    /// savepoint was set.
    pub(in crate::store) fn tool_returned_to(&self, ordinal: usize) {
        let mut buffer = self.buffer.borrow_mut();
        if buffer.is_on && ordinal < buffer.savepoints {
            let restored = buffer.kv.undo_to(ordinal)
                + buffer.pending.undo_to(ordinal)
                + buffer.spans.undo_to(ordinal);
            buffer.settles_before_mark |= restored > MAX_RESTORED;
            buffer.undo_handed_out(ordinal);
        }
    }
}
