//! The write buffer: what has not been written to SQLite, and how a rollback restores it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::undo_map::{Size, UndoMap};
use crate::store::database::item_changes::ItemChanges;
use crate::store::database::key_prefetch::KeyPrefetch;
use crate::store::database::wal_version::WalVersion;
use crate::store::records::span::Span;

/// A value; `None` for a deletion.
pub(super) type Written = Option<Arc<[u8]>>;

impl Size for Written {
    fn bytes(&self) -> usize {
        self.as_deref().map_or(0, <[u8]>::len)
    }
}

/// A vat's current span, and whether it differs from SQL's row.
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

/// Limit of the pending exports, as a multiple of the limit of the entries. The host receives all
/// pending exports at the end of the crank, and they share their values with entries.
pub(super) const PENDING_SHARE: usize = 8;

/// How to detect commits of other connections.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum ExternalCommits {
    /// Not determined yet.
    #[default]
    Unknown,
    /// Other connections cannot commit.
    None,
    /// By the WAL index, whose last header was this.
    Wal(WalVersion),
    /// Commits cannot be detected.
    Unnoticed,
}

/// The writes of a store that SQLite has not received.
#[derive(Default)]
pub(crate) struct Buffer {
    /// Whether writes are buffered.
    pub(super) is_on: bool,
    /// Whether buffering is enabled and a transaction is open according to our own calls. SQLite
    /// ends a transaction by itself on certain failures.
    pub(super) in_transaction: bool,
    /// Whether entries may be written later: the transaction holds the write lock, and the tables
    /// are plain. A transaction that a tool began may not have the lock yet, and may fail to get
    /// it.
    pub(super) may_defer: bool,
    pub(super) kv: UndoMap<Written>,
    /// Memory limit of `kv`, and of its undo log, in bytes.
    pub(super) kv_limit: usize,
    /// How often `kv` was flushed.
    pub(super) kv_flushes: u64,
    pub(super) pending: UndoMap<Written>,
    /// Whether the table may contain pending exports, too.
    pub(super) pending_in_table: bool,
    /// For each batch of exports that was taken and may not have been delivered: a flag to set if
    /// it is rolled back, and the number of savepoints at the time.
    pub(super) taken_exports: Vec<(Weak<AtomicBool>, usize)>,
    pub(super) spans: UndoMap<BufferedSpan>,
    /// The savepoints, oldest first, and how many of them exist in SQL.
    pub(super) savepoints: Vec<Savepoint>,
    pub(super) savepoints_in_sql: usize,
    /// Whether, since the first savepoint, something was written that the undo maps do not contain.
    pub(super) has_unlogged_writes: bool,
    /// Whether to flush before setting the next savepoint; see [`Database::set_savepoint`](super::super::Database::set_savepoint).
    pub(super) flushes_before_mark: bool,
    pub(crate) prefetch: KeyPrefetch,
    pub(crate) item_changes: ItemChanges,
    pub(super) external_commits: ExternalCommits,
    /// SQLite's data version when the transaction began.
    pub(super) data_version: Option<i64>,
    /// SQLite's data version when the schema was last checked.
    pub(super) schema_version: Option<i64>,
    /// Whether the journal mode is WAL; `None` if unknown.
    pub(super) is_wal: Option<bool>,
    /// Whether SQLite accepts every row that is not too long; `None` if unknown.
    pub(super) has_plain_tables: Option<bool>,
    /// Whether there is no journal, so SQL cannot roll back.
    pub(super) is_without_journal: bool,
}

/// How many entries that were already in SQL a rollback may restore to the buffer before the next
/// savepoint flushes them.
const MAX_RESTORED: usize = 100;

/// The purpose of a savepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Savepoint {
    /// The crank's savepoint with this ordinal.
    Crank(usize),
    /// A call in progress, which is rolled back if it fails.
    Call,
}

impl Savepoint {
    /// Its name in SQL.
    pub(super) fn name(self) -> String {
        match self {
            Savepoint::Crank(ordinal) => format!("t{ordinal}"),
            Savepoint::Call => "swing_store_call".into(),
        }
    }
}

impl Buffer {
    /// Approximate memory of the changes and of their undo logs, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let entries = self.kv.bytes() + self.pending.bytes() + self.spans.bytes();
        let undo = self.kv.undo_bytes() + self.pending.undo_bytes() + self.spans.undo_bytes();
        entries + undo
    }

    /// How often entries were flushed.
    pub(crate) fn flushes(&self) -> u64 {
        self.kv_flushes
    }

    /// The buffered value or deletion of a key.
    pub(crate) fn kv(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.kv.get(key).map(Option::as_deref)
    }

    /// The first buffered key after `previous` that has a value. `None` if more than `limit`
    /// deleted keys precede it.
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

    /// Revokes the exports that were taken with more than this many savepoints.
    pub(super) fn revoke_taken_exports(&mut self, savepoints: usize) {
        self.taken_exports.retain(|(is_revoked, savepoint_count)| {
            let is_undone = *savepoint_count > savepoints;
            if let Some(is_revoked) = is_revoked.upgrade().filter(|_| is_undone) {
                is_revoked.store(true, Ordering::Release);
            }
            !is_undone
        });
    }

    /// Clears the buffer at the end of the transaction.
    pub(super) fn end_transaction(&mut self) {
        self.in_transaction = false;
        self.may_defer = false;
        self.kv.clear();
        self.flushes_before_mark = false;
        self.pending.clear();
        self.spans.clear();
        self.item_changes.clear();
        self.release_savepoints_from(0);
    }

    pub(super) fn push_savepoint(&mut self, savepoint: Savepoint) {
        self.savepoints.push(savepoint);
        self.kv.mark();
        self.pending.mark();
        self.spans.mark();
        self.item_changes.mark();
    }

    /// The index of the crank's last savepoint with this ordinal.
    pub(super) fn place_of(&self, ordinal: usize) -> Option<usize> {
        let wanted = Savepoint::Crank(ordinal);
        self.savepoints.iter().rposition(|found| *found == wanted)
    }

    /// Whether the crank has savepoints.
    pub(super) fn has_crank_savepoints(&self) -> bool {
        matches!(self.savepoints.first(), Some(Savepoint::Crank(_)))
    }

    /// Releases the savepoint at `place` and later ones, and keeps the writes since.
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

    /// Rolls the buffer back to the savepoint at `place`. That savepoint stays; later ones are
    /// removed.
    pub(super) fn undo_to(&mut self, place: usize) {
        let restored =
            self.kv.undo_to(place) + self.pending.undo_to(place) + self.spans.undo_to(place);
        self.flushes_before_mark |= restored > MAX_RESTORED;
        self.item_changes.undo_to(place);
        self.revoke_taken_exports(place);
        self.release_savepoints_from(place + 1);
        self.prefetch.forget();
    }
}
