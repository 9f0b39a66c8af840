//! Changes of the export data that were not yet passed to the host.

use std::sync::Arc;

use rusqlite::params;

use super::buffer::PENDING_SHARE;
use super::plain_tables::fits;
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::records::change::{ExportChange, Exports};

impl Database {
    /// Records a change of the export data. It replaces an earlier change of the same key.
    pub(crate) fn add_pending_export(&self, key: &[u8], value: Option<Arc<[u8]>>) -> Result<()> {
        if !self.is_buffered() {
            return self.add_pending_export_to_table(key, value.as_deref());
        }
        let bytes = key.len() + value.as_ref().map_or(0, |value| value.len());
        if fits(bytes) && self.has_plain_tables() {
            let mut buffer = self.buffer.borrow_mut();
            buffer.pending.set(key, value);
            let limit = buffer.kv_limit.saturating_mul(PENDING_SHARE);
            let is_full = buffer.pending.bytes() > limit;
            drop(buffer);
            // The change that this records is already written, so failing here would be wrong. If
            // there is no space now, a later flush may succeed, unless the transaction is lost.
            if is_full
                && let Err(error) = self.flush_pending_exports()
                && !self.in_transaction()
            {
                return Err(error);
            }
            return Ok(());
        }
        // SQLite may refuse this change. The buffered ones are older, and are written first.
        self.flush_pending_exports()?;
        self.create_savepoints()?;
        self.add_pending_export_to_table(key, value.as_deref())?;
        self.buffer.borrow_mut().pending_in_table = true;
        Ok(())
    }

    /// Like [`Database::add_pending_export`], but writes to the table immediately.
    pub(crate) fn add_pending_export_to_table(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<()> {
        let mut statement = self.prepare_directly(
            "INSERT INTO pendingExports (key, value) VALUES (?, ?)
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        self.checked(statement.execute(params![SqlText(key), value.map(SqlText)]))?;
        Ok(())
    }

    /// Removes and returns all pending changes of the export data, sorted by key.
    pub(crate) fn take_pending_exports(&self) -> Result<Vec<ExportChange>> {
        if !self.is_buffered() {
            return self.take_pending_exports_from_table();
        }
        if self.buffer.borrow().pending_in_table {
            // Buffered changes are newer than those of the same keys in the table.
            self.flush_pending_exports()?;
            let pending = self.take_pending_exports_from_table()?;
            // A rollback to a savepoint may restore rows in the table.
            let mut buffer = self.buffer.borrow_mut();
            buffer.pending_in_table = !buffer.savepoints.is_empty();
            return Ok(pending);
        }
        let taken = self.buffer.borrow_mut().pending.take_all();
        Ok(taken)
    }

    /// Sets `exports.is_revoked` if a rollback undoes the exports that were taken.
    pub(crate) fn watch_exports(&self, exports: &Exports) {
        let mut buffer = self.buffer.borrow_mut();
        let savepoints = buffer.savepoints.len();
        buffer
            .taken_exports
            .retain(|(is_revoked, _)| is_revoked.strong_count() > 0);
        let is_revoked = Arc::downgrade(&exports.is_revoked);
        buffer.taken_exports.push((is_revoked, savepoints));
    }

    /// Records changes that were taken but not delivered, except for keys with newer changes.
    pub(crate) fn return_pending_exports(&self, notes: Vec<ExportChange>) -> Result<()> {
        let is_in_table = {
            let buffer = self.buffer.borrow();
            !buffer.is_on || buffer.pending_in_table
        };
        if is_in_table {
            // Newer changes may be in the table or in the buffer. After this, they are in the
            // table.
            self.flush_pending_exports()?;
            self.create_savepoints()?;
            let mut statement = self.prepare_directly(
                "INSERT INTO pendingExports (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
            )?;
            for (key, value) in &notes {
                let value = value.as_deref().map(SqlText);
                self.checked(statement.execute(params![SqlText(key), value]))?;
            }
            return Ok(());
        }
        let mut buffer = self.buffer.borrow_mut();
        for (key, value) in notes {
            if buffer.pending.get(&key).is_none() {
                buffer.pending.set(&key, value);
            }
        }
        Ok(())
    }

    pub(super) fn take_pending_exports_from_table(&self) -> Result<Vec<ExportChange>> {
        let pending = self.peek_rows(
            "SELECT key, value FROM pendingExports ORDER BY key",
            [],
            |row| {
                Ok((
                    row.get_ref(0)?.as_bytes()?.to_vec(),
                    row.get_ref(1)?.as_bytes_or_null()?.map(Arc::from),
                ))
            },
        )?;
        if !pending.is_empty() {
            self.run_unbuffered("DELETE FROM pendingExports", [])?;
        }
        Ok(pending)
    }

    /// Flushes pending changes of the export data to their table.
    pub(super) fn flush_pending_exports(&self) -> Result<()> {
        if self.buffer.borrow().pending.is_empty() {
            return Ok(());
        }
        self.create_savepoints()?;
        self.write_pending_exports()
            .inspect_err(|_| self.notice_lost_transaction())?;
        let mut buffer = self.buffer.borrow_mut();
        buffer.pending.drop_all();
        if buffer.pending.undo_bytes() > buffer.kv_limit {
            buffer.pending.forget_additions();
        }
        buffer.pending_in_table = true;
        Ok(())
    }

    pub(super) fn write_pending_exports(&self) -> Result<()> {
        let buffer = self.buffer.borrow();
        for (key, value) in buffer.pending.iter() {
            self.add_pending_export_to_table(key, value.as_deref())?;
        }
        Ok(())
    }
}
