//! Savepoints, which SQL gets to know when something is about to be written there.

use super::super::Database;
use super::super::error::Result;

impl Database {
    /// Marks a point to which [`Database::return_to_savepoint`] can return. Savepoints are
    /// counted from 0.
    pub(in crate::store) fn set_savepoint(&self) -> Result<()> {
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
            self.run_directly(&format!("SAVEPOINT t{ordinal}"))?;
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
        // What is not UTF-8 has no string that it could be told by.
        let undone = buffer.kv.changed_since(ordinal);
        let undone: Option<Vec<String>> = undone
            .map(|key| std::str::from_utf8(key).map(str::to_owned).ok())
            .collect();
        let undone = undone.filter(|_| buffer.is_on && !buffer.has_unjournaled);
        buffer.kv.return_to(ordinal);
        buffer.pending.return_to(ordinal);
        buffer.spans.return_to(ordinal);
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
            buffer.kv.undo_to(ordinal);
            buffer.pending.undo_to(ordinal);
            buffer.spans.undo_to(ordinal);
        }
    }
}
