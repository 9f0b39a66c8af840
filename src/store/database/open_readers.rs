//! Open span readers, and the items that they have not read yet.
//!
//! Readers on the store's own connection are copied on write: before items are deleted, rolled back
//! or inserted, the database saves the items that open readers still need (`saved_items.rs`). So
//! the cost of a rollback depends on what the crank has written (`item_changes.rs`), not on the
//! size of the readers' spans, and limits bound the memory. If items cannot be saved, the reader
//! fails at its next step; the call that changes the store succeeds.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::item_changes::Change;
use super::item_source::{self, ItemSource, TakeItem};
use super::reader_state::{ReaderState, Saving, Source};
use super::span_view::{SpanView, log_bytes};
use super::tool_statement::ToolConnection;
use super::{Database, Location};
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::limits;
use crate::store::tasks::lock;

impl ItemSource for Database {
    fn read_items(&self, vat_id: &[u8], range: Range<i64>, take: TakeItem<'_>) -> Result<bool> {
        item_source::read_items(self.connection()?, vat_id, range, take)
            .inspect_err(|error| self.notice_failure(error))
    }
}

impl SpanView {
    /// Runs queries in the view.
    ///
    /// # Errors
    /// Those of `ask`.
    pub(crate) fn with<T>(&self, ask: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let mut view = self.lock();
        let connection = view.take().ok_or(Error::DatabaseClosed)?;
        let mut db = Database::from_connection(connection, Location::Memory);
        db.pinned_read.set(self.pinned_read);
        let answer = ask(&db);
        *view = db.connection.take().map(ToolConnection::into_connection);
        answer
    }
}

impl Database {
    /// Registers a reader, so that items are saved for it before they change.
    pub(crate) fn register(&self, reader: &Arc<Mutex<ReaderState>>) {
        let mut readers = self.readers.borrow_mut();
        // The list is pruned only when it is full, so the cost per reader is constant.
        if readers.len() >= readers.capacity() {
            readers.retain(|reader| reader.strong_count() > 0);
            let length = readers.len();
            readers.reserve(length.max(8));
        }
        readers.push(Arc::downgrade(reader));
    }

    /// Saves items for readers of this database.
    pub(crate) fn saving(&self) -> Saving<'_> {
        Saving::new(self, &self.saved_items)
    }

    /// A view of the last commit. `None` if none is possible or needed: in memory, without a WAL,
    /// for a staged database, or in a transaction that may see an older commit.
    pub(crate) fn span_view(&self) -> Option<Arc<SpanView>> {
        if !self.is_shared_file() {
            return None;
        }
        let view = self.views.last_commit(self.connection().ok()?);
        if view.is_none() {
            self.notice_lost_transaction();
        }
        view
    }

    /// Calls `act` for each open reader.
    fn for_each_reader(&self, mut act: impl FnMut(&mut ReaderState, &mut Saving<'_>)) {
        if self.connection.is_none() || self.readers.borrow().is_empty() {
            return;
        }
        let mut saving = self.saving();
        let mut readers = self.readers.take();
        readers.retain(|reader| {
            let Some(reader) = reader.upgrade() else {
                return false;
            };
            // A reader that a panic has left inconsistent reports that itself.
            let Ok(mut state) = lock::lock_sound(&reader) else {
                return false;
            };
            act(&mut state, &mut saving);
            !state.exhausted
        });
        self.readers.replace(readers);
    }

    /// Saves items for open readers before they change, and records the change.
    pub(crate) fn before_change(&self, vat_id: &[u8], start_pos: i64, end_pos: i64) {
        self.for_each_reader(|state, saving| {
            if state.depends_on_store() && state.vat_id == vat_id {
                state.save(saving, start_pos, end_pos);
            }
        });
        if self.in_transaction() {
            let mut buffer = self.buffer.borrow_mut();
            buffer.item_changes.add(vat_id, start_pos, end_pos);
        }
    }

    /// Saves items for open readers before a rollback to a savepoint changes them.
    pub(crate) fn before_rollback(&self, savepoint: usize) {
        let changes = self.buffer.borrow().item_changes.since(savepoint).to_vec();
        if changes.contains(&Change::Any) {
            return self.detach_readers();
        }
        self.for_each_reader(|state, saving| {
            if state.depends_on_store() {
                for change in &changes {
                    state.save_change(saving, change);
                }
            }
        });
    }

    /// Saves items for open readers before SQL of a tool, which may change any item, and records
    /// the change.
    pub(crate) fn before_tool_sql(&self) {
        // A tool may change the journal mode, which fails while another connection is open.
        self.views.close_idle();
        self.detach_readers();
        if self.in_transaction() {
            self.buffer.borrow_mut().item_changes.add_any();
        }
    }

    /// Makes open readers independent of this connection: saves the items that the transaction has
    /// changed, and reads the rest in a view. If a view is not possible, saves all.
    pub(crate) fn detach_readers(&self) {
        let mut is_needed = false;
        self.for_each_reader(|state, _| is_needed |= state.depends_on_store());
        if !is_needed {
            return;
        }
        let changes = self.buffer.borrow().item_changes.all().to_vec();
        let view = if changes.contains(&Change::Any) {
            None
        } else {
            self.span_view()
        };
        self.for_each_reader(|state, saving| {
            if !state.depends_on_store() {
                return;
            }
            let Some(view) = &view else {
                return state.save_rest(saving);
            };
            for change in &changes {
                state.save_change(saving, change);
            }
            state.source = Source::View(view.clone());
        });
    }

    /// Detaches readers before a commit, unless the database is in memory or staged, where no other
    /// connection can change what is committed.
    pub(crate) fn before_commit(&self) {
        if self.is_shared_file() {
            self.detach_readers();
        }
    }

    /// Saves all unread items of open readers, and closes the other connections.
    pub(crate) fn save_readers(&self) {
        self.for_each_reader(|state, saving| {
            state.save_rest(saving);
            state.source = Source::Own;
        });
        self.views.clear();
    }

    /// Ends views that have kept the log from restarting for too long, after saving the unread
    /// items of their readers.
    pub(crate) fn bound_log(&self) {
        if self.views.is_empty() {
            return;
        }
        let connection = self.connection().ok();
        let log_bytes = connection.map_or(0, log_bytes);
        let limit = limits().pinned_log_bytes as u64;
        self.for_each_reader(|state, saving| {
            if let Source::View(view) = &state.source
                && view.log_growth(log_bytes) > limit
            {
                state.save_rest(saving);
                // The view is no longer needed.
                state.source = Source::Own;
            }
        });
    }

    /// Ends all readers. Items are saved for those that stay usable after the database is closed.
    pub(crate) fn end_readers(&self) {
        self.for_each_reader(|state, saving| {
            if state.survives_close {
                state.save_rest(saving);
            } else {
                state.saved = Vec::new();
            }
            state.source = Source::Own;
        });
        self.readers.take();
        self.views.close();
    }
}
