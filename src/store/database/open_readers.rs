//! The span readers that are open on a database, and what they have yet to read.
//!
//! Readers on the store's own connection are copied on write: before items are deleted, rolled back or
//! inserted, the database saves those that its open readers have yet to read (`saved_items.rs`). So a
//! rollback costs what the crank has written (`item_changes.rs`), not what readers have yet to read, and
//! memory is bounded by the limits. If items cannot be saved, the reader reports the failure at its
//! next step; the call that changes the store succeeds.

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

/// Where a reader finds what was not saved for it.
pub(crate) enum Source {
    /// The store's own connection.
    Own,
    /// A state that does not change.
    View(Arc<SpanView>),
}

/// Items that were saved for a reader.
pub(crate) struct Saved {
    start_pos: i64,
    end_pos: i64,
    range: Arc<SavedRange>,
}

/// A place in a span.
pub(crate) struct ReaderState {
    pub(crate) vat_id: Vec<u8>,
    pub(crate) next_pos: i64,
    pub(crate) end_pos: i64,
    pub(crate) source: Source,
    /// What was saved: ranges that do not overlap, in order.
    pub(crate) saved: Vec<Saved>,
    /// Why something could not be saved.
    pub(crate) failure: Option<Error>,
    /// How many items were fetched, to be compared with `expected` at the end.
    pub(crate) found: i64,
    /// How many there should be; `None` when that is not to be checked.
    pub(crate) expected: Option<i64>,
    /// What was fetched and has yet to be read, from the item of this number on.
    pub(crate) fetched: ItemBatch,
    pub(crate) read: usize,
    /// A batch that was read, whose memory is used again.
    pub(crate) spare: ItemBatch,
    pub(crate) exhausted: bool,
    /// Whether it goes on when the database is closed.
    pub(crate) survives_close: bool,
}

impl ReaderState {
    pub(crate) fn has_items(&self) -> bool {
        self.read < self.fetched.len()
    }

    /// Whether what is done to the store makes a difference to it.
    fn depends_on_store(&self) -> bool {
        !self.exhausted && matches!(self.source, Source::Own)
    }

    /// Fetches at least one item, if there is one, and about `limit` bytes.
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

    /// There is nothing left to fetch.
    pub(crate) fn exhaust(&mut self) {
        self.exhausted = true;
        self.saved = Vec::new();
        self.source = Source::Own;
    }

    /// Of `start_pos` to `end_pos`, what has yet to be read and was not saved.
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

    /// Saves what it has yet to read of a range of positions.
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

    /// Saves everything that it has yet to read.
    pub(crate) fn save_rest(&mut self, saving: &mut Saving<'_>) {
        self.save(saving, self.next_pos, self.end_pos);
    }

    /// Saves what it has yet to read of what a change concerns.
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

/// Gives `take` the items from `start_pos` up to, not including, `end_pos`, in order, until it returns
/// false. Returns whether it was given all.
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

/// What is saved for readers in one go. Several readers of the same items share what is saved.
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
            // Views may be of different states.
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
        // A database that has failed once is not used again.
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
    /// Remembers a reader, so that what it has yet to read is saved before it changes.
    pub(crate) fn register(&self, reader: &Arc<Mutex<ReaderState>>) {
        let mut readers = self.readers.borrow_mut();
        // Looked through only when it has doubled, so that many readers cost no more each.
        if readers.len() >= readers.capacity() {
            readers.retain(|reader| reader.strong_count() > 0);
            let length = readers.len();
            readers.reserve(length.max(8));
        }
        readers.push(Arc::downgrade(reader));
    }

    /// Does something to each reader that is open.
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
            // One that a panic has left unsound says so itself.
            let Ok(mut state) = lock::lock_sound(&reader) else {
                return false;
            };
            act(&mut state, &mut saving);
            !state.exhausted
        });
        self.readers.replace(readers);
    }

    /// Saves what open readers have yet to read of items that are about to change, and takes note of the
    /// change.
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

    /// Saves what open readers have yet to read of items that a return to a savepoint changes.
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

    /// Saves what is needed before a tool's statement, which may change any item, and takes note of the
    /// change.
    pub(crate) fn before_tool_sql(&self) {
        // A tool may change the journal mode, for which no other connection may be open.
        self.idle_span_view.clear();
        self.detach_readers();
        if self.in_transaction() {
            self.buffer.borrow_mut().item_changes.add_any();
        }
    }

    /// Sees to it that no open reader needs this connection any more: what the transaction has changed is
    /// saved, and the rest is read in a view. Where there can't be one, everything is saved.
    pub(crate) fn detach_readers(&self) {
        let mut is_needed = false;
        self.for_each_reader(|state, _| is_needed |= state.depends_on_store());
        if !is_needed {
            return;
        }
        let changes = self.buffer.borrow().item_changes.all().to_vec();
        let view = match changes.contains(&Change::Any) {
            true => None,
            false => self.span_view(),
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

    /// As [`Database::detach_readers`], before a commit. In memory, and out of sight of others,
    /// nobody else can change what was committed.
    pub(crate) fn before_commit(&self) {
        if self.is_shared_file() {
            self.detach_readers();
        }
    }

    /// Saves everything that open readers have yet to read, so that no other connection is needed.
    pub(crate) fn save_readers(&self) {
        self.for_each_reader(|state, saving| {
            state.save_rest(saving);
            state.source = Source::Own;
        });
        self.views.borrow_mut().clear();
        self.idle_span_view.clear();
    }

    /// Ends views that have kept the log from starting again for too long, having saved what their
    /// readers have yet to read.
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
                // Nothing is left to be read there.
                state.source = Source::Own;
            }
        });
    }

    /// Ends all readers but those that go on after the database is closed, for which everything is saved.
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
