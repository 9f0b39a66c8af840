//! Writes that have not reached SQLite yet.
//!
//! A kernel overwrites a few keys repeatedly, records every change of its export data, and sets
//! savepoints that it rarely rolls back to. A [`Buffer`](buffer::Buffer) keeps these in memory and writes the
//! result to SQLite: at a commit, when the buffer is full, and before SQL reads the buffered
//! tables. Savepoints, too, are created in SQL only before a write to SQLite. Until then, a
//! rollback concerns only memory.
//!
//! For this to be correct, **every statement must be run by a method of [`Database`]**:
//! - Methods without a prefix or suffix flush first: they create savepoints and write the buffer,
//!   so a statement has the same effect as without a buffer.
//! - Methods that end in `_unbuffered` are for tables that are not buffered: they create
//!   savepoints, so the statement can be rolled back, and keep the buffer.
//! - Methods that begin with `peek` read tables that are not buffered, or their callers merge the
//!   buffer.
//!
//! A rollback to a savepoint undoes SQL's writes if the savepoint was created there. The undo maps
//! restore the buffer, including entries that were buffered at the savepoint and flushed since.

pub(crate) mod buffer;
mod external_commits;
mod pending_exports;
mod plain_tables;
mod savepoints;
#[cfg(test)]
mod tests;
pub(crate) mod undo_map;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::params;

use super::sql_text::SqlText;
use super::wal_version::WalVersion;
use super::{Database, Trust};
use crate::store::error::{Error, Result};
use crate::store::log;
use crate::store::records::span::Span;
use crate::store::tasks::limits::limits;
use buffer::{BufferedSpan, ExternalCommits};

const UPSERT: &str = "INSERT INTO kvStore (key, value) VALUES (?, ?)
                      ON CONFLICT DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM kvStore WHERE key = ?";

impl Database {
    /// Enables buffering. For a store that begins its own transactions over a writable database.
    pub(crate) fn buffer_writes(&self) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.is_on = true;
        buffer.kv_limit = limits().kv_buffer_bytes;
        buffer.pending_in_table = true;
    }

    /// Whether buffering is enabled.
    pub(crate) fn is_buffered(&self) -> bool {
        self.buffer.borrow().is_on
    }

    /// Whether a write of a vat's current span is buffered now. It requires an open transaction.
    pub(crate) fn is_buffering(&self, vat_id: &[u8]) -> bool {
        let can_defer = self.buffer.borrow().in_transaction;
        can_defer && plain_tables::span_fits(vat_id.len()) && self.has_plain_tables()
    }

    /// Whether an entry, and its change of the export data, can be written later because SQLite
    /// cannot refuse them.
    pub(crate) fn can_defer(&self, key: &[u8], value: Option<&Arc<[u8]>>) -> bool {
        let bytes = key.len() + value.map_or(0, |value| value.len());
        let buffer = self.buffer.borrow();
        buffer.in_transaction
            && buffer.may_defer
            && bytes <= buffer.kv_limit
            && plain_tables::entry_fits(bytes)
    }

    /// Sets or deletes a key. If that fails, nothing has changed.
    pub(crate) fn kv_write(&self, key: &[u8], value: Option<&Arc<[u8]>>) -> Result<()> {
        if !self.can_defer(key, value) {
            return self.kv_write_through(key, value.map(|value| &**value));
        }
        let buffer = self.buffer.borrow();
        let is_full = buffer.kv.bytes() > buffer.kv_limit;
        drop(buffer);
        if is_full {
            // Flush before the entry is added, so that a failure does not leave it in the buffer.
            self.flush()?;
        }
        self.buffer.borrow_mut().kv.set(key, value.cloned());
        Ok(())
    }

    /// Like [`Database::kv_write`], but writes to SQLite immediately.
    pub(crate) fn kv_write_through(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        match value {
            Some(value) => self.run(UPSERT, params![SqlText(key), SqlText(value)])?,
            None => self.run(DELETE, params![SqlText(key)])?,
        };
        let has_plain_tables = self.is_buffered() && self.has_plain_tables();
        let mut buffer = self.buffer.borrow_mut();
        buffer.prefetch.forget();
        buffer.may_defer = buffer.in_transaction && has_plain_tables;
        buffer.has_unlogged_writes |= buffer.has_crank_savepoints();
        Ok(())
    }

    /// A vat's buffered current span.
    pub(crate) fn buffered_span(&self, vat_id: &[u8]) -> Option<Span> {
        let buffer = self.buffer.borrow();
        buffer.spans.get(vat_id).map(|found| found.span.clone())
    }

    /// Buffers a vat's current span: one that was read, or, if `is_dirty`, one that SQL does not
    /// have yet. Has no effect outside of a transaction, because other connections may change the
    /// span.
    pub(crate) fn buffer_span(&self, vat_id: &[u8], span: &Span, is_dirty: bool) {
        let mut buffer = self.buffer.borrow_mut();
        if buffer.in_transaction {
            let span = span.clone();
            buffer.spans.set(vat_id, BufferedSpan { span, is_dirty });
        }
    }

    /// Flushes everything except pending exports, which only SQL of tools reads.
    pub(crate) fn flush(&self) -> Result<()> {
        let buffer = self.buffer.borrow();
        if !buffer.is_on {
            return Ok(());
        }
        drop(buffer);
        let flushed = self
            .create_savepoints()
            .and_then(|()| self.flush_kv())
            .and_then(|()| self.flush_spans());
        flushed.inspect_err(|_| self.notice_lost_transaction())
    }

    fn flush_kv(&self) -> Result<()> {
        let buffer = self.buffer.borrow();
        if buffer.kv.is_empty() {
            return Ok(());
        }
        let mut upsert = self.prepare_directly(UPSERT)?;
        let mut delete = self.prepare_directly(DELETE)?;
        // In key order, because SQLite finds the pages fastest.
        for (key, value) in buffer.kv.iter() {
            self.checked(match value {
                Some(value) => upsert.execute(params![SqlText(key), SqlText(value)]),
                None => delete.execute(params![SqlText(key)]),
            })?;
        }
        log::trace!(
            "commit",
            "flushed the write buffer",
            bytes = buffer.kv.bytes()
        );
        drop(buffer);
        let mut buffer = self.buffer.borrow_mut();
        buffer.kv.drop_all();
        buffer.kv_flushes += 1;
        if buffer.kv.undo_bytes() > buffer.kv_limit {
            // Nothing else limits the undo log of a crank that keeps adding keys.
            buffer.kv.forget_additions();
            buffer.has_unlogged_writes = true;
        }
        buffer.prefetch.forget();
        Ok(())
    }

    pub(crate) fn update_current_span(
        &self,
        vat_id: &[u8],
        end_pos: i64,
        hash: &[u8],
    ) -> Result<()> {
        let mut update = self.prepare_directly(
            "UPDATE transcriptSpans SET endPos = ?, hash = ? WHERE vatID = ? AND isCurrent = 1",
        )?;
        self.checked(update.execute(params![end_pos, SqlText(hash), SqlText(vat_id)]))?;
        Ok(())
    }

    fn flush_spans(&self) -> Result<()> {
        let buffer = self.buffer.borrow();
        if buffer.spans.is_empty() {
            return Ok(());
        }
        for (vat_id, BufferedSpan { span, is_dirty }) in buffer.spans.iter() {
            if *is_dirty {
                self.update_current_span(vat_id, span.end_pos, &span.hash)?;
            }
        }
        drop(buffer);
        self.buffer.borrow_mut().spans.drop_all();
        Ok(())
    }

    /// Flushes everything, before a commit or SQL of a tool.
    pub(crate) fn flush_all(&self) -> Result<()> {
        self.flush()?;
        self.flush_pending_exports()
    }

    /// Resets what depends on the database's contents, after SQL of a tool.
    pub(crate) fn after_tool_sql(&self) {
        let in_transaction = self.in_transaction();
        let mut buffer = self.buffer.borrow_mut();
        buffer.external_commits = ExternalCommits::Unknown;
        buffer.is_wal = None;
        if !in_transaction {
            buffer.item_changes.clear();
        }
        if buffer.is_on {
            buffer.in_transaction = in_transaction;
            if !in_transaction {
                buffer.release_savepoints_from(0);
            }
            buffer.has_unlogged_writes |= buffer.has_crank_savepoints();
            buffer.may_defer = false;
            buffer.has_plain_tables = None;
            buffer.pending_in_table = true;
            buffer.spans.drop_all();
            buffer.prefetch.forget();
            self.signal.set_held(false);
        }
        self.signal.invalidate();
    }

    /// Records that a transaction is open. `is_new` says that it has just begun and holds the write
    /// lock.
    pub(crate) fn transaction_began(&self, is_new: bool) {
        if !self.is_buffered() {
            return;
        }
        self.notice_external_commits();
        let version = self.data_version();
        let mut buffer = self.buffer.borrow_mut();
        buffer.data_version = version;
        if version.is_none() || buffer.schema_version != version {
            // Another connection may have changed the schema.
            buffer.has_plain_tables = None;
            buffer.schema_version = version;
        }
        drop(buffer);
        let has_plain_tables = self.has_plain_tables();
        let mut buffer = self.buffer.borrow_mut();
        buffer.in_transaction = true;
        buffer.may_defer |= is_new && has_plain_tables;
        self.signal.set_held(true);
    }

    /// Records that the transaction was committed.
    pub(crate) fn transaction_ended(&self) {
        let mut buffer = self.buffer.borrow_mut();
        if !buffer.is_on {
            return;
        }
        buffer.end_transaction();
        self.signal.set_held(false);
        let version = buffer.data_version.take();
        if matches!(buffer.external_commits, ExternalCommits::Wal(_))
            && version.is_some()
            && let Ok(connection) = self.connection()
        {
            // Our own commit has changed the WAL index. If no other connection has committed since
            // the transaction began, everything read before is still valid. `PRAGMA data_version`
            // answers that (it is too slow for every read), for the time between two equal headers.
            drop(buffer);
            let now = WalVersion::read(connection);
            let is_ours = self.data_version() == version && WalVersion::read(connection) == now;
            if let Some(now) = now.filter(|_| is_ours) {
                self.buffer.borrow_mut().external_commits = ExternalCommits::Wal(now);
            }
        }
    }

    /// Clears the buffer because SQLite has rolled the transaction back.
    pub(crate) fn transaction_lost(&self) {
        let mut buffer = self.buffer.borrow_mut();
        for (is_revoked, _) in buffer.taken_exports.drain(..) {
            if let Some(is_revoked) = is_revoked.upgrade() {
                is_revoked.store(true, Ordering::Release);
            }
        }
        buffer.end_transaction();
        buffer.prefetch.forget();
        buffer.pending_in_table = true;
        self.signal.set_held(false);
        self.signal.invalidate();
    }

    /// Converts an error of SQLite, and checks whether SQLite has rolled the transaction back.
    pub(crate) fn checked<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| {
            let error = Error::from(error);
            self.notice_failure(&error);
            error
        })
    }

    /// Checks whether SQLite has rolled the transaction back, or cannot roll it back any more.
    pub(crate) fn notice_failure(&self, error: &Error) {
        self.notice_damage(error);
        self.notice_lost_transaction();
    }

    /// Checks whether a failure left changes that cannot be rolled back. Without a journal, not
    /// even the failed statement is.
    fn notice_damage(&self, error: &Error) {
        let is_failure = matches!(error, Error::Sqlite { code, .. }
            if ["SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM"].iter().any(|of| code.starts_with(of)));
        if is_failure && self.is_without_journal() && self.in_transaction() {
            self.trust.set(Trust::Torn);
        }
    }

    /// Whether there is no journal. False while the buffer is borrowed; the borrower checks
    /// afterwards.
    pub(crate) fn is_without_journal(&self) -> bool {
        let buffer = self.buffer.try_borrow();
        buffer.is_ok_and(|buffer| buffer.is_without_journal)
    }

    /// Checks whether SQLite has rolled the transaction back by itself, for example because the
    /// disk is full.
    pub(crate) fn notice_lost_transaction(&self) {
        // If the buffer is borrowed, the borrower checks afterwards.
        let is_lost = self
            .buffer
            .try_borrow_mut()
            .is_ok_and(|buffer| buffer.in_transaction)
            && !self.in_transaction();
        if is_lost {
            log::warning!("commit", "SQLite has rolled the transaction back");
            if self.is_without_journal() {
                self.trust.set(Trust::Torn);
            }
            self.transaction_lost();
        }
    }
}
