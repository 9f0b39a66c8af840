//! Savepoints, which SQL gets to know when something is about to be written there.
//!
//! The stack holds what SQL would have without a buffer, the oldest first: `t0`, `t1` and so on of
//! the crank, and on top the savepoint of a call that writes in more than one step. After a
//! return to one of the crank's it stays, as SQL keeps it, so that a tool's `ROLLBACK TO` finds the
//! same state again. All of them end with the crank.

use super::{Buffer, PENDING_SHARE};
use crate::store::database::{Database, Trust};
use crate::store::error::Result;

/// The most keys that a rollback tells one by one. Telling one, and forgetting it in JavaScript, takes
/// a microsecond; beyond that, reading what is needed again is cheaper.
const MAX_REPORTED_KEYS: usize = 1000;

/// How many entries a rollback may restore that were in SQL already.
const MAX_RESTORED: usize = 100;

/// For how many savepoints the statements are kept. A crank with hundreds would drive all others out
/// of the statement cache.
const MAX_CACHED: usize = 8;

/// What a savepoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Savepoint {
    /// The crank's savepoint of this number.
    Crank(usize),
    /// A call under way, which is undone if it fails.
    Call,
}

impl Savepoint {
    fn name(self) -> String {
        match self {
            Savepoint::Crank(ordinal) => format!("t{ordinal}"),
            Savepoint::Call => "swing_store_call".into(),
        }
    }
}

impl Buffer {
    fn push_savepoint(&mut self, savepoint: Savepoint) {
        self.savepoints.push(savepoint);
        self.kv.mark();
        self.pending.mark();
        self.spans.mark();
        self.item_changes.mark();
    }

    /// Where the crank's last savepoint of this number is.
    fn place_of(&self, ordinal: usize) -> Option<usize> {
        let wanted = Savepoint::Crank(ordinal);
        self.savepoints.iter().rposition(|found| *found == wanted)
    }

    /// Whether there are savepoints of the crank's.
    pub(super) fn has_crank_savepoints(&self) -> bool {
        matches!(self.savepoints.first(), Some(Savepoint::Crank(_)))
    }

    /// Forgets savepoints, and keeps what was written since.
    pub(super) fn release_savepoints_from(&mut self, place: usize) {
        self.savepoints.truncate(place);
        self.savepoints_in_sql = self.savepoints_in_sql.min(place);
        self.kv.release_marks_from(place);
        self.pending.release_marks_from(place);
        self.spans.release_marks_from(place);
        self.item_changes.release_marks_from(place);
        for (_, savepoint_count) in &mut self.taken_exports {
            *savepoint_count = place.min(*savepoint_count);
        }
    }

    /// Undoes what was written here since a savepoint was set. It stays, and later ones do not.
    fn undo_to(&mut self, place: usize) {
        let restored =
            self.kv.undo_to(place) + self.pending.undo_to(place) + self.spans.undo_to(place);
        self.flushes_before_mark |= restored > MAX_RESTORED;
        self.item_changes.undo_to(place);
        self.revoke_taken_exports(place);
        self.release_savepoints_from(place + 1);
        self.prefetch.forget();
    }
}

impl Database {
    /// Sets the crank's savepoint of this number, to which [`Database::roll_back_to_savepoint`] can
    /// return.
    ///
    /// Writes everything first if the last rollback restored many entries that had been written: so
    /// each is written at most twice, and cranks that are rolled back again and again do not
    /// write the whole block each time. The same if the undo log is large: what is not in the buffer
    /// when a savepoint is set needs no undo log.
    ///
    /// # Errors
    /// SQLite's. Then there is no savepoint.
    pub(crate) fn set_savepoint(&self, ordinal: usize) -> Result<()> {
        let buffer = self.buffer.borrow();
        let is_large = buffer.kv.undo_bytes() > buffer.kv_limit
            || buffer.pending.undo_bytes() > buffer.kv_limit.saturating_mul(PENDING_SHARE);
        let flushes = buffer.is_on && (buffer.flushes_before_mark || is_large);
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

    /// Makes the savepoints in SQL of which it does not know yet.
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

    /// Undoes what was written since a savepoint was set. Returns the keys of the kvStore that may
    /// have other values now; copies of others still hold. If they can't be told, all copies are
    /// made void, and none is returned.
    ///
    /// # Errors
    /// SQLite's, if it does not have the savepoint any more.
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
            // One that we do not have is SQL's to refuse; or it is a tool's.
            self.run_directly(&format!("ROLLBACK TO SAVEPOINT t{ordinal}"))?;
        }
        let Some(place) = place else {
            self.after_tool_sql();
            return Ok(Vec::new());
        };
        let mut buffer = self.buffer.borrow_mut();
        if is_without_journal {
            // What has reached the tables stays, so what is on its way must, too: an item without
            // its span would be in the way of the next one.
            buffer.release_savepoints_from(place + 1);
            return Ok(Vec::new());
        }
        let can_report = buffer.is_on
            && !buffer.has_unlogged_writes
            && buffer.kv.changes_since(place) <= MAX_REPORTED_KEYS;
        // What is not UTF-8 has no string that it could be told by.
        let undone: Option<Vec<String>> = can_report
            .then(|| buffer.kv.changed_since(place))
            .and_then(|keys| {
                keys.map(|key| std::str::from_utf8(key).map(str::to_owned).ok())
                    .collect()
            });
        // What the journals know nothing of has been undone with the first savepoint.
        buffer.has_unlogged_writes &= place > 0;
        buffer.undo_to(place);
        drop(buffer);
        if undone.is_none() {
            self.signal.invalidate();
        }
        Ok(undone.unwrap_or_default())
    }

    /// Forgets all savepoints of the crank's, and keeps what was written since. `is_set` if the
    /// crank has set any to which it has not returned.
    ///
    /// # Errors
    /// SQLite's, if it does not have the first of these any more.
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
        // Those that are left are there because the crank has returned to them. A tool may have
        // ended them.
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

    /// Takes note that a tool has returned to a savepoint of the crank's, which stays.
    ///
    /// SQL has undone what was written there, and that may include what was buffered when the
    /// savepoint was set.
    pub(crate) fn tool_rolled_back_to(&self, ordinal: usize) {
        let mut buffer = self.buffer.borrow_mut();
        if let Some(place) = buffer.place_of(ordinal) {
            match buffer.is_without_journal {
                true => buffer.release_savepoints_from(place + 1),
                false => buffer.undo_to(place),
            }
        }
    }

    /// Takes note that a tool has released a savepoint of the crank's, and later ones with it.
    pub(crate) fn tool_released(&self, ordinal: usize) {
        let mut buffer = self.buffer.borrow_mut();
        if let Some(place) = buffer.place_of(ordinal) {
            buffer.release_savepoints_from(place);
        }
    }

    /// Does work that writes in more than one step. If it fails, what it has written is undone,
    /// here and in SQL, so that there is all of it or none.
    ///
    /// # Errors
    /// Those of the work. Without a journal nothing can be undone in SQL; if something was written
    /// there, the database is torn.
    pub(crate) fn atomically<T>(
        &mut self,
        work: impl FnOnce(&mut Database) -> Result<T>,
    ) -> Result<T> {
        if self.buffer.borrow().is_without_journal {
            // What is written from here on is the work's own.
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

    /// How many rows the connection has changed since it was opened.
    fn total_changes(&self) -> Option<u64> {
        Some(self.connection.as_ref()?.total_changes())
    }

    /// The place of a call's savepoint, in SQL if it is there. None if it ended with a transaction.
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
