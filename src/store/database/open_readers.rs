//! Open span readers, and the items that they have not read yet.
//!
//! Readers on the store's own connection are copied on write: before items are deleted, rolled back
//! or inserted, the database saves the items that open readers still need (`saved_items.rs`). So
//! the cost of a rollback depends on what the crank has written (`item_changes.rs`), not on the
//! size of the readers' spans, and limits bound the memory. If items cannot be saved, the reader
//! fails at its next step; the call that changes the store succeeds.

use std::sync::{Arc, Mutex};

use rusqlite::params;

use super::Database;
use super::item_changes::Change;
use super::saved_items::{SavedItems, SavedRange};
use super::span_view::SpanView;
use super::sql_text::SqlText;
use crate::store::error::{Error, Result};
use crate::store::records::item_batch::{ITEM_BYTES, ItemBatch};
use crate::store::tasks::limits::limits;
use crate::store::tasks::lock;

/// Where a reader reads items that were not saved.
pub(crate) enum Source {
    /// The store's own connection.
    Own,
    /// A read transaction on another connection.
    View(Arc<SpanView>),
}

/// A range of items saved for a reader.
pub(crate) struct Saved {
    start_pos: i64,
    end_pos: i64,
    range: Arc<SavedRange>,
}

/// The state of a span reader.
pub(crate) struct ReaderState {
    pub(crate) vat_id: Vec<u8>,
    pub(crate) next_pos: i64,
    pub(crate) end_pos: i64,
    pub(crate) source: Source,
    /// Saved ranges, which do not overlap, in order.
    pub(crate) saved: Vec<Saved>,
    /// Why items could not be saved.
    pub(crate) failure: Option<Error>,
    /// The number of items fetched, which is compared with `expected` at the end.
    pub(crate) found: i64,
    /// The expected number of items; `None` to skip the check.
    pub(crate) expected: Option<i64>,
    /// Fetched items. Those from index `read` on were not returned yet.
    pub(crate) fetched: ItemBatch,
    pub(crate) read: usize,
    /// A consumed batch, whose memory is reused.
    pub(crate) spare: ItemBatch,
    pub(crate) exhausted: bool,
    /// Whether the reader stays usable after the database is closed.
    pub(crate) survives_close: bool,
}

impl ReaderState {
    pub(crate) fn has_items(&self) -> bool {
        self.read < self.fetched.len()
    }

    /// Whether changes of the store affect it.
    fn depends_on_store(&self) -> bool {
        !self.exhausted && matches!(self.source, Source::Own)
    }

    /// Fetches about `limit` bytes of items; at least one item if any is left.
    pub(crate) fn fetch(&mut self, db: &Database, limit: usize) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut bytes = 0;
        while !self.exhausted && bytes <= limit {
            while self
                .saved
                .first()
                .is_some_and(|saved| saved.end_pos <= self.next_pos)
            {
                self.saved.remove(0);
            }
            let (vat_id, start_pos) = (&self.vat_id, self.next_pos);
            let (fetched, found, next_pos) =
                (&mut self.fetched, &mut self.found, &mut self.next_pos);
            let take = |position: i64, item: &[u8]| {
                bytes += item.len() + ITEM_BYTES;
                fetched.add(position, item);
                *found += 1;
                *next_pos = position.saturating_add(1);
                bytes <= limit
            };
            let saved = self.saved.first();
            let (end_pos, has_all) = match saved.filter(|saved| saved.start_pos <= start_pos) {
                Some(saved) => {
                    let has_all = saved.range.read(start_pos, saved.end_pos, take)?;
                    (saved.end_pos, has_all)
                }
                None => {
                    let end_pos = saved.map_or(self.end_pos, |saved| saved.start_pos);
                    let has_all = match &self.source {
                        Source::Own => read_items(db, vat_id, start_pos, end_pos, take)?,
                        Source::View(view) => {
                            view.with(|db| read_items(db, vat_id, start_pos, end_pos, take))?
                        }
                    };
                    (end_pos, has_all)
                }
            };
            if has_all {
                self.next_pos = end_pos;
            }
            if self.next_pos >= self.end_pos {
                self.exhaust();
            }
        }
        Ok(())
    }

    /// Marks the reader as exhausted and releases what it holds.
    pub(crate) fn exhaust(&mut self) {
        self.exhausted = true;
        self.saved = Vec::new();
        self.source = Source::Own;
    }

    /// The parts of `start_pos` to `end_pos` (exclusive) that were neither read nor saved.
    fn unsaved(&self, start_pos: i64, end_pos: i64) -> Vec<(i64, i64)> {
        let mut unsaved = Vec::new();
        let mut start_pos = start_pos.max(self.next_pos);
        let end_pos = end_pos.min(self.end_pos);
        for saved in &self.saved {
            if start_pos < saved.start_pos.min(end_pos) {
                unsaved.push((start_pos, saved.start_pos.min(end_pos)));
            }
            start_pos = start_pos.max(saved.end_pos);
        }
        if start_pos < end_pos {
            unsaved.push((start_pos, end_pos));
        }
        unsaved
    }

    /// Saves the items of a range that were not read yet.
    pub(crate) fn save(&mut self, saving: &mut Saving<'_>, start_pos: i64, end_pos: i64) {
        if self.exhausted || self.failure.is_some() {
            return;
        }
        for (start_pos, end_pos) in self.unsaved(start_pos, end_pos) {
            match saving.save(&self.vat_id, &self.source, start_pos, end_pos) {
                Ok(saved) => self.saved.extend(saved),
                Err(error) => {
                    self.failure = Some(error);
                    return;
                }
            }
        }
        self.saved.sort_by_key(|saved| saved.start_pos);
    }

    /// Saves all items that were not read yet.
    pub(crate) fn save_rest(&mut self, saving: &mut Saving<'_>) {
        self.save(saving, self.next_pos, self.end_pos);
    }

    /// Saves the items of a change that were not read yet.
    fn save_change(&mut self, saving: &mut Saving<'_>, change: &Change) {
        match change {
            Change::Any => self.save_rest(saving),
            Change::Range {
                vat_id,
                start_pos,
                end_pos,
            } if *vat_id == self.vat_id => self.save(saving, *start_pos, *end_pos),
            Change::Range { .. } => {}
        }
    }

    pub(crate) fn check_count(&self) -> Result<()> {
        match self.expected {
            Some(expected) if expected != self.found => Err(Error::MissingTranscriptItems {
                found: self.found,
                expected,
            }),
            _ => Ok(()),
        }
    }
}

/// Passes the items from `start_pos` to `end_pos` (exclusive) to `take`, in order, until it returns
/// false. Returns whether all were passed.
fn read_items(
    db: &Database,
    vat_id: &[u8],
    start_pos: i64,
    end_pos: i64,
    mut take: impl FnMut(i64, &[u8]) -> bool,
) -> Result<bool> {
    let mut statement = db.prepare_directly(
        "SELECT position, item FROM transcriptItems
         WHERE vatID = ? AND ? <= position AND position < ?
         ORDER BY position",
    )?;
    let mut rows = statement.query(params![SqlText(vat_id), start_pos, end_pos])?;
    while let Some(row) = db.checked(rows.next())? {
        let position = row.get(0)?;
        if !take(position, row.get_ref(1)?.as_bytes()?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Saves items for several readers; readers of the same items share them.
pub(crate) struct Saving<'a> {
    db: &'a Database,
    done: Vec<(Vec<u8>, Saved)>,
}

impl<'a> Saving<'a> {
    pub(crate) fn new(db: &'a Database) -> Saving<'a> {
        Saving {
            db,
            done: Vec::new(),
        }
    }

    pub(crate) fn save(
        &mut self,
        vat_id: &[u8],
        source: &Source,
        mut start_pos: i64,
        end_pos: i64,
    ) -> Result<Vec<Saved>> {
        let mut parts = Vec::new();
        while start_pos < end_pos {
            let shares = |(of, saved): &&(Vec<u8>, Saved)| {
                of == vat_id && saved.start_pos <= start_pos && start_pos < saved.end_pos
            };
            // Different views may see different commits.
            let found = match source {
                Source::Own => self.done.iter().find(shares),
                Source::View(_) => None,
            };
            let (to, range) = match found {
                Some((_, saved)) => (saved.end_pos.min(end_pos), saved.range.clone()),
                None => (end_pos, self.copy(vat_id, source, start_pos, end_pos)?),
            };
            parts.push(Saved {
                start_pos,
                end_pos: to,
                range,
            });
            start_pos = to;
        }
        Ok(parts)
    }

    fn copy(
        &mut self,
        vat_id: &[u8],
        source: &Source,
        start_pos: i64,
        end_pos: i64,
    ) -> Result<Arc<SavedRange>> {
        let items = self.db.saved_items()?;
        let copied = SavedRange::new(&items, |add| {
            let mut outcome = Ok(());
            let take = |position: i64, item: &[u8]| {
                outcome = add(position, item);
                outcome.is_ok()
            };
            match source {
                Source::Own => read_items(self.db, vat_id, start_pos, end_pos, take)?,
                Source::View(view) => {
                    view.with(|db| read_items(db, vat_id, start_pos, end_pos, take))?
                }
            };
            outcome
        });
        // A temporary database that has failed once is not used again.
        let range = copied.inspect_err(|_| self.db.forget_saved_items())?;
        if matches!(source, Source::Own) {
            let saved = Saved {
                start_pos,
                end_pos,
                range: range.clone(),
            };
            self.done.push((vat_id.to_vec(), saved));
        }
        Ok(range)
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

    /// Calls `act` for each open reader.
    fn for_each_reader(&self, mut act: impl FnMut(&mut ReaderState, &mut Saving<'_>)) {
        if self.connection.is_none() || self.readers.borrow().is_empty() {
            return;
        }
        let mut saving = Saving::new(self);
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
        self.idle_span_view.clear();
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
        self.views.borrow_mut().clear();
        self.idle_span_view.clear();
    }

    /// Ends views that have kept the log from restarting for too long, after saving the unread
    /// items of their readers.
    pub(crate) fn bound_log(&self) {
        let mut views = self.views.borrow_mut();
        views.retain(|view| view.strong_count() > 0);
        if views.is_empty() {
            return;
        }
        drop(views);
        let log_bytes = self.log_bytes();
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
        self.views.borrow_mut().clear();
        self.idle_span_view.close();
    }

    fn saved_items(&self) -> Result<Arc<SavedItems>> {
        if let Some(items) = self.saved_items.borrow().upgrade() {
            return Ok(items);
        }
        let items = SavedItems::new()?;
        self.saved_items.replace(Arc::downgrade(&items));
        Ok(items)
    }

    fn forget_saved_items(&self) {
        self.saved_items.replace(std::sync::Weak::new());
    }
}
