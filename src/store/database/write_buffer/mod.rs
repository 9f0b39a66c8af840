//! What was written but has yet to reach SQLite.
//!
//! A kernel overwrites a few keys over and over, notes every change of its export data, and
//! marks savepoints that it hardly ever returns to. A [`Buffer`] keeps all of that in memory and
//! lets SQLite see the outcome: at a commit, when it grows too large, or when SQL is about to
//! look at what it holds. Savepoints, too, are made in SQL only when something is about to be
//! written there. Until then returning to one is a matter of memory alone.
//!
//! The rule that keeps this right: **no statement reaches SQLite but through [`Database`]'s
//! functions**, and of those
//! - the ones without a further word flush first: savepoints are made and everything buffered
//!   is written, so that the statement sees, and adds to, what it would without a buffer;
//! - the ones that end in `_beside` are for tables that are not buffered: savepoints are made,
//!   so that the statement can be undone, and the buffer stays;
//! - the ones that begin with `peek` read what is not buffered, or merge it.
//!
//! Returning to a savepoint undoes SQL's part if the savepoint was made there, and the buffer's
//! part by its journal, which brings back what was buffered at the time but has been written
//! since.

mod external_commits;
mod pending_exports;
mod plain_tables;
mod savepoints;
pub(crate) mod undo_map;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use rusqlite::params;

use super::item_changes::ItemChanges;
use super::key_prefetch::KeyPrefetch;
use super::sql_text::SqlText;
use super::wal_version::WalVersion;
use super::{Database, Trust};
use crate::store::error::{Error, Result};
use crate::store::records::names::RECORD_PREFIX;
use crate::store::records::span::Span;
use crate::store::tasks::limits::limits;
use undo_map::{Size, UndoMap};

use savepoints::Savepoint;

/// A value, or `None` for one that was deleted.
type Written = Option<Arc<[u8]>>;

impl Size for Written {
    fn bytes(&self) -> usize {
        self.as_deref().map_or(0, <[u8]>::len)
    }
}

/// A vat's current span, and whether SQL has yet to learn of it.
#[derive(Debug, Clone)]
pub(crate) struct BufferedSpan {
    pub(crate) span: Span,
    pub(crate) is_dirty: bool,
}

impl Size for BufferedSpan {
    fn bytes(&self) -> usize {
        self.span.hash.len()
    }
}

/// How many times as much the pending exports may take up as the entries: the host gets them all at
/// once at the crank's end, and their values are those of entries.
const PENDING_SHARE: usize = 8;

/// How to find out that another connection has changed the database.
#[derive(Debug, Clone, Copy, Default)]
enum ExternalCommits {
    /// Yet to be found out.
    #[default]
    Unknown,
    /// There can be none.
    None,
    /// By the WAL-index, which was like this when we last looked.
    Wal(WalVersion),
    /// Not at all.
    Unnoticed,
}

/// What a database's one store has written and SQLite has not.
#[derive(Default)]
pub(crate) struct Buffer {
    /// Whether anything is buffered here at all.
    is_on: bool,
    /// Whether a transaction is open as far as we know; SQLite ends one by itself when it fails
    /// in certain ways.
    in_transaction: bool,
    /// Whether the transaction is known to hold the lock of writers, so that what is written now
    /// can be written later. One that a tool began may have yet to get it, and may fail to.
    may_defer: bool,
    kv: UndoMap<Written>,
    /// How much memory `kv` may take up, and how much its undo log.
    kv_limit: usize,
    pending: UndoMap<Written>,
    /// Whether there may be pending exports in the table, too.
    pending_in_table: bool,
    /// What was handed out of them, unless it has arrived: where to say that it was undone, and how many
    /// savepoints there were.
    taken_exports: Vec<(Weak<AtomicBool>, usize)>,
    spans: UndoMap<BufferedSpan>,
    /// The savepoints, the oldest first, and how many of them SQL knows of.
    savepoints: Vec<Savepoint>,
    savepoints_in_sql: usize,
    /// Whether something was written since there are savepoints that the journals know nothing of.
    has_unlogged_writes: bool,
    /// Whether to write everything before the next savepoint is set: see
    /// [`Database::set_savepoint`].
    flushes_before_mark: bool,
    pub(crate) prefetch: KeyPrefetch,
    pub(crate) item_changes: ItemChanges,
    external_commits: ExternalCommits,
    /// SQLite's data version when the transaction began.
    data_version: Option<i64>,
    /// SQLite's data version when the schema was last looked at.
    schema_version: Option<i64>,
    /// Whether the journal mode is WAL, if that is known.
    is_wal: Option<bool>,
    /// Whether SQLite takes every row that is not too long, if that is known.
    has_plain_tables: Option<bool>,
    /// Whether there is no journal, so that SQL can't undo anything.
    is_without_journal: bool,
}

const UPSERT: &str = "INSERT INTO kvStore (key, value) VALUES (?, ?)
                      ON CONFLICT DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM kvStore WHERE key = ?";

impl Buffer {
    /// A key's value, or its deletion, if either is buffered.
    pub(crate) fn kv(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.kv.get(key).map(Option::as_deref)
    }

    /// The first key behind `previous` that was set. `None` if more than `limit` deleted ones
    /// lie before it.
    pub(crate) fn key_after(&self, previous: &[u8], limit: usize) -> Option<Option<Vec<u8>>> {
        let mut keys = self.kv.after(previous);
        for _ in 0..=limit {
            match keys.next() {
                Some((key, Some(_))) => return Some(Some(key.to_vec())),
                Some((_, None)) => {}
                None => return Some(None),
            }
        }
        None
    }

    /// Says that what was handed out with more than so many savepoints was undone.
    fn revoke_taken_exports(&mut self, savepoints: usize) {
        self.taken_exports.retain(|(is_revoked, savepoint_count)| {
            let is_undone = *savepoint_count > savepoints;
            if let Some(is_revoked) = is_revoked.upgrade().filter(|_| is_undone) {
                is_revoked.store(true, Ordering::Release);
            }
            !is_undone
        });
    }

    /// There is no transaction any more, and nothing that could go to one.
    fn end_transaction(&mut self) {
        self.in_transaction = false;
        self.may_defer = false;
        self.kv.clear();
        self.flushes_before_mark = false;
        self.pending.clear();
        self.spans.clear();
        self.item_changes.clear();
        self.release_savepoints_from(0);
    }
}

impl Database {
    /// Buffers from now on what the store over this database writes. For a store that begins its
    /// own transactions, over a database that may be written.
    pub(crate) fn buffer_writes(&self) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.is_on = true;
        buffer.kv_limit = limits().kv_buffer_bytes;
        buffer.pending_in_table = true;
    }

    /// Whether writes are buffered.
    pub(crate) fn is_buffered(&self) -> bool {
        self.buffer.borrow().is_on
    }

    /// Whether what is written now of a vat's current span is buffered: not without a transaction,
    /// in which it could be written later.
    pub(crate) fn is_buffering(&self, vat_id: &[u8]) -> bool {
        let buffer = self.buffer.borrow();
        let can_defer = buffer.is_on && buffer.in_transaction;
        drop(buffer);
        // A record of it has the vat's name, up to six times as long, and a hash.
        can_defer && plain_tables::fits(6 * vat_id.len() + 400) && self.has_plain_tables()
    }

    /// Whether an entry, and the change of the export data that goes with it, can be written later,
    /// because SQLite can't refuse them.
    pub(crate) fn can_defer(&self, key: &[u8], value: Option<&Arc<[u8]>>) -> bool {
        let bytes = key.len() + value.map_or(0, |value| value.len());
        let buffer = self.buffer.borrow();
        buffer.is_on
            && buffer.in_transaction
            && buffer.may_defer
            && bytes <= buffer.kv_limit
            && plain_tables::fits(bytes + RECORD_PREFIX.len())
    }

    /// Sets a key, or deletes it. If that fails, nothing has changed.
    pub(crate) fn kv_write(&self, key: &[u8], value: Option<&Arc<[u8]>>) -> Result<()> {
        if !self.can_defer(key, value) {
            return self.kv_write_through(key, value.map(|value| &**value));
        }
        let buffer = self.buffer.borrow();
        let is_full = buffer.kv.bytes() > buffer.kv_limit;
        drop(buffer);
        if is_full {
            // Before the entry is there, which a failure would leave behind.
            self.flush()?;
        }
        self.buffer.borrow_mut().kv.set(key, value.cloned());
        Ok(())
    }

    /// As [`Database::kv_write`], but SQLite gets it at once.
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

    /// A vat's current span as it was buffered.
    pub(crate) fn buffered_span(&self, vat_id: &[u8]) -> Option<Span> {
        let buffer = self.buffer.borrow();
        buffer.spans.get(vat_id).map(|found| found.span.clone())
    }

    /// Remembers a vat's current span: one that was read, or one that SQL has yet to learn of.
    /// Without a transaction it is not remembered, since others may change it.
    pub(crate) fn buffer_span(&self, vat_id: &[u8], span: &Span, is_dirty: bool) {
        let mut buffer = self.buffer.borrow_mut();
        if buffer.is_on && buffer.in_transaction {
            let span = span.clone();
            buffer.spans.set(vat_id, BufferedSpan { span, is_dirty });
        }
    }

    /// Writes everything that SQL is to see: all but pending exports, which only tools look for.
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
        // In the order of the keys, in which SQLite finds their pages soonest.
        for (key, value) in buffer.kv.iter() {
            self.checked(match value {
                Some(value) => upsert.execute(params![SqlText(key), SqlText(value)]),
                None => delete.execute(params![SqlText(key)]),
            })?;
        }
        drop(buffer);
        let mut buffer = self.buffer.borrow_mut();
        buffer.kv.drop_all();
        if buffer.kv.undo_bytes() > buffer.kv_limit {
            // A crank that adds keys without end. Nothing else keeps its undo log from growing.
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

    /// Writes everything there is: a tool's SQL is to see it, or it is to be committed.
    pub(crate) fn flush_all(&self) -> Result<()> {
        if !self.is_buffered() || !self.is_open() {
            return Ok(());
        }
        self.flush()?;
        self.flush_pending_exports()
    }

    /// Takes note that a tool may have changed anything.
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

    /// Takes note that there is a transaction; `is_new` if it has just begun, with the lock of
    /// writers.
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

    /// Takes note that the transaction has been committed.
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
            // Our own commit has changed the WAL-index. If no other one has since the transaction
            // began, what was read before still holds. SQLite knows, though at a price that is
            // too high for every read; what it says goes for the time between two equal looks.
            drop(buffer);
            let now = WalVersion::read(connection);
            let is_ours = self.data_version() == version && WalVersion::read(connection) == now;
            if let Some(now) = now.filter(|_| is_ours) {
                self.buffer.borrow_mut().external_commits = ExternalCommits::Wal(now);
            }
        }
    }

    /// Forgets everything, because SQLite has undone the transaction.
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

    /// Passes on what SQLite said, having looked whether it undid the transaction.
    pub(crate) fn checked<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| {
            let error = Error::from(error);
            self.notice_damage(&error);
            self.notice_lost_transaction();
            error
        })
    }

    /// Looks whether an error leaves what can't be undone: without a journal not even the
    /// statement that failed is.
    fn notice_damage(&self, error: &Error) {
        let is_failure = matches!(error, Error::Sqlite { code, .. }
            if ["SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM"].iter().any(|of| code.starts_with(of)));
        if is_failure && self.is_without_journal() && self.in_transaction() {
            self.trust.set(Trust::Torn);
        }
    }

    /// False, too, while the buffer is in use by those who look afterwards.
    pub(crate) fn is_without_journal(&self) -> bool {
        let buffer = self.buffer.try_borrow();
        buffer.is_ok_and(|buffer| buffer.is_without_journal)
    }

    /// Looks whether SQLite has undone the transaction by itself, as it does when the disk is
    /// full, for example.
    pub(crate) fn notice_lost_transaction(&self) {
        // Where the buffer is in use, whoever uses it looks afterwards.
        let is_lost = self
            .buffer
            .try_borrow_mut()
            .is_ok_and(|buffer| buffer.in_transaction)
            && !self.in_transaction();
        if is_lost {
            if self.is_without_journal() {
                self.trust.set(Trust::Torn);
            }
            self.transaction_lost();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::substores::{Store, StoreOptions};

    fn changes(store: &Store) -> i64 {
        let db = store.database().lock();
        db.peek_value("SELECT total_changes()", [])
            .unwrap()
            .unwrap_or(0)
    }

    fn value(store: &Store, key: &[u8]) -> Option<Vec<u8>> {
        store.kv_get(key).unwrap()
    }

    #[test]
    fn a_crank_that_adds_keys_without_end_holds_few_of_them() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.kernel_set(b"first", b"before").unwrap();
        store.start_crank().unwrap();
        store.establish_crank_savepoint(b"s").unwrap();
        store.kernel_set(b"first", b"after").unwrap();
        let key = |n: u32| format!("k{n}").into_bytes();
        for n in 0..60_000 {
            store.kernel_set(&key(n), b"v").unwrap();
            let db = store.database().lock();
            let buffer = db.buffer.borrow();
            let bytes = buffer.kv.bytes() + buffer.kv.undo_bytes();
            assert!(bytes < 3 * buffer.kv_limit, "{bytes} bytes");
            let bytes = buffer.pending.bytes() + buffer.pending.undo_bytes();
            assert!(
                bytes < (PENDING_SHARE + 1) * buffer.kv_limit,
                "{bytes} bytes"
            );
        }
        let generation = store.database().lock().signal.generation();
        let told = store.rollback_crank(b"s").unwrap();
        assert!(told.is_empty());
        assert_ne!(store.database().lock().signal.generation(), generation);
        assert_eq!(value(&store, b"first").unwrap(), b"before");
        assert_eq!(value(&store, &key(0)), None);
        assert_eq!(value(&store, &key(59_999)), None);
        let exports = store.end_crank().unwrap().changes;
        assert_eq!(exports.len(), 1);
        assert_eq!(exports[0].0, b"kv.first");
    }

    #[test]
    fn large_values_are_not_all_held() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.begin().unwrap();
        let limit = store.database().lock().buffer.borrow().kv_limit;
        let held = |entries: &UndoMap<Written>| -> usize {
            let values = entries.iter().map(|(_, value)| value.as_deref());
            values.map(|value| value.map_or(0, <[u8]>::len)).sum()
        };
        for n in 0..50 {
            let value = vec![b'x'; limit / 4];
            store
                .kernel_set(format!("k{n}").as_bytes(), &value)
                .unwrap();
            let db = store.database().lock();
            let buffer = db.buffer.borrow();
            let [kv, pending] = [&buffer.kv, &buffer.pending].map(held);
            assert!(kv < 2 * limit, "{kv} bytes");
            assert!(pending < (PENDING_SHARE + 1) * limit, "{pending} bytes");
        }
    }

    #[test]
    fn looking_for_the_next_key_writes_only_past_many_deleted_ones() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        let key = |n: u32| format!("{n:03}").into_bytes();
        for n in 0..200 {
            store.kv_set(&key(n), b"v").unwrap();
        }
        store.commit().unwrap();
        store.kv_set(b"050x", b"v").unwrap();
        store.kv_delete(&key(52)).unwrap();
        let before = changes(&store);
        let next = |store: &Store, key: &[u8]| store.kv_get_next_key(key).unwrap();
        assert_eq!(next(&store, b"050").unwrap(), b"050x");
        assert_eq!(next(&store, b"050x").unwrap(), b"051");
        assert_eq!(next(&store, b"051").unwrap(), b"053");
        for n in 100..164 {
            store.kv_delete(&key(n)).unwrap();
        }
        assert_eq!(next(&store, b"099"), Some(key(164)));
        assert_eq!(changes(&store), before);
        store.kv_delete(&key(164)).unwrap();
        assert_eq!(next(&store, b"099"), Some(key(165)));
        assert!(changes(&store) > before);
    }

    #[test]
    fn cranks_that_are_rolled_back_do_not_write_the_block_again() {
        const KEYS: i64 = 3000;
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.commit().unwrap();
        for n in 0..KEYS {
            store
                .host_set(format!("host.{n}").as_bytes(), b"v")
                .unwrap();
        }
        let before = changes(&store);
        for crank in 0..20 {
            store.start_crank().unwrap();
            store.establish_crank_savepoint(b"s").unwrap();
            // SQL gets its savepoint without the entries, and then the entries.
            store.database().lock().create_savepoints().unwrap();
            store
                .init_transcript(format!("v{crank}").as_bytes())
                .unwrap();
            store.rollback_crank(b"s").unwrap();
            store.end_crank().unwrap();
            store.finish_crank();
        }
        let written = changes(&store) - before;
        assert!(written < 3 * KEYS, "{written} rows");
        assert_eq!(value(&store, b"host.7").unwrap(), b"v");
        store.commit().unwrap();
        assert_eq!(store.kv_dump().unwrap().len() as i64, KEYS);
    }

    #[test]
    fn overwriting_does_not_fill_the_buffer() {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.commit().unwrap();
        store.begin().unwrap();
        let before = changes(&store);
        for n in 0..50_000 {
            let value = format!("{n} {}", "x".repeat(100));
            store.host_set(b"host.key", value.as_bytes()).unwrap();
        }
        assert_eq!(changes(&store), before);
    }

    #[test]
    fn a_rollback_tells_few_keys_and_makes_all_copies_void_for_many() {
        for (keys, tells) in [(10, true), (5000, false)] {
            let mut store = Store::in_memory(StoreOptions::default()).unwrap();
            store.start_crank().unwrap();
            store.establish_crank_savepoint(b"s").unwrap();
            for n in 0..keys {
                store.kernel_set(format!("k{n}").as_bytes(), b"v").unwrap();
            }
            let generation = store.database().lock().signal.generation();
            let told = store.rollback_crank(b"s").unwrap();
            assert_eq!(told.len(), if tells { keys } else { 0 });
            let is_revoked = store.database().lock().signal.generation() != generation;
            assert_eq!(is_revoked, !tells);
        }
    }
}
