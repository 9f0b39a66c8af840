//! Reading a transcript span step by step.
//!
//! A reader yields the span as it was when the reader was made, whatever is done to the store
//! meanwhile. It fetches a batch of items at a time, either from the store's own connection or in a
//! view (`reader_view.rs`) that nothing changes.
//!
//! Readers of the first kind are copied on write: before items are deleted, rolled back or inserted, the
//! database saves those of them that its open readers have yet to read (`saved_items.rs`). So a rollback
//! costs what the crank has written (`item_changes.rs`), not what readers have yet to read, and memory
//! is bounded by the limits. A failure to save them is the reader's, which reports it at its next
//! step, and not that of the call that changes the store.

use std::sync::{Arc, Mutex, MutexGuard};

use rusqlite::params;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::database::{Database, SharedDatabase};
use super::error::{Error, Result};
use super::item_changes::Change;
use super::limits::{limits, value_bytes};
use super::locks;
use super::reader_view::ReaderView;
use super::saved_items::{SavedItems, SavedRange};

/// WTF-8 as an SQL text.
pub(super) struct SqlText<'a>(pub &'a [u8]);

/// Bytes as an SQL blob.
pub(super) struct SqlBlob<'a>(pub &'a [u8]);

impl rusqlite::ToSql for SqlText<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        check_length(self.0)?;
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

impl rusqlite::ToSql for SqlBlob<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        check_length(self.0)?;
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0)))
    }
}

/// Refuses what is longer than SQLite takes, in the words of the reference, which has others for a
/// value than for a row.
fn check_length(value: &[u8]) -> rusqlite::Result<()> {
    match value.len() <= value_bytes() {
        true => Ok(()),
        false => Err(rusqlite::Error::ToSqlConversionFailure(Box::new(
            Error::TooBig,
        ))),
    }
}

/// What an item takes up besides its text: here, and as a string of JavaScript.
const ITEM_BYTES: usize = 64;

/// Items, one behind the other in memory.
#[derive(Debug, Default)]
pub struct ItemBatch {
    bytes: Vec<u8>,
    /// For each item, its position and where it ends.
    items: Vec<(i64, usize)>,
}

impl ItemBatch {
    /// The items and their positions.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &[u8])> {
        let mut start = 0;
        self.items.iter().map(move |(position, end)| {
            let item = &self.bytes[start..*end];
            start = *end;
            (*position, item)
        })
    }

    /// The item of this number.
    pub(super) fn get(&self, index: usize) -> Option<(i64, &[u8])> {
        let (position, end) = *self.items.get(index)?;
        let start = match index {
            0 => 0,
            _ => self.items[index - 1].1,
        };
        Some((position, &self.bytes[start..end]))
    }

    /// What it takes up, roughly; items without any text count, too.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.items.len() * ITEM_BYTES
    }

    pub(super) fn add(&mut self, position: i64, item: &[u8]) {
        self.bytes.extend_from_slice(item);
        self.items.push((position, self.bytes.len()));
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }
}

/// Where a reader finds what was not saved for it.
enum Source {
    /// The store's own connection.
    Own,
    /// A state that does not change.
    View(Arc<ReaderView>),
}

/// Items that were saved for a reader.
struct Saved {
    start_pos: i64,
    end_pos: i64,
    range: Arc<SavedRange>,
}

/// A place in a span.
pub(super) struct ReaderState {
    vat_id: Vec<u8>,
    next_pos: i64,
    end_pos: i64,
    source: Source,
    /// What was saved: ranges that do not overlap, in order.
    saved: Vec<Saved>,
    /// Why something could not be saved.
    failure: Option<Error>,
    /// How many items were fetched, to be compared with `expected` at the end.
    found: i64,
    /// How many there should be; `None` when that is not to be checked.
    expected: Option<i64>,
    /// What was fetched and has yet to be read, from the item of this number on.
    fetched: ItemBatch,
    read: usize,
    /// A batch that was read, whose memory is used again.
    spare: ItemBatch,
    exhausted: bool,
    /// Whether it goes on when the database is closed.
    outlives: bool,
}

impl ReaderState {
    fn has_items(&self) -> bool {
        self.read < self.fetched.items.len()
    }

    /// Whether what is done to the store makes a difference to it.
    fn depends_on_store(&self) -> bool {
        !self.exhausted && matches!(self.source, Source::Own)
    }

    /// Fetches at least one item, if there is one, and about `limit` bytes.
    fn fetch(&mut self, db: &Database, limit: usize) -> Result<()> {
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
    fn exhaust(&mut self) {
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
    fn save(&mut self, saving: &mut Saving<'_>, start_pos: i64, end_pos: i64) {
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
    fn save_rest(&mut self, saving: &mut Saving<'_>) {
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

    fn check_count(&self) -> Result<()> {
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
struct Saving<'a> {
    db: &'a Database,
    done: Vec<(Vec<u8>, Saved)>,
}

impl Saving<'_> {
    fn save(
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
    fn register(&self, reader: &Arc<Mutex<ReaderState>>) {
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
        let mut saving = Saving {
            db: self,
            done: Vec::new(),
        };
        let mut readers = self.readers.take();
        readers.retain(|reader| {
            let Some(reader) = reader.upgrade() else {
                return false;
            };
            // One that a panic has left unsound says so itself.
            let Ok(mut state) = locks::lock_sound(&reader) else {
                return false;
            };
            act(&mut state, &mut saving);
            !state.exhausted
        });
        self.readers.replace(readers);
    }

    /// Saves what open readers have yet to read of items that are about to change, and takes note of the
    /// change.
    pub(super) fn before_change(&self, vat_id: &[u8], start_pos: i64, end_pos: i64) {
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
    pub(super) fn before_rollback(&self, savepoint: usize) {
        let changes = self.buffer.borrow().item_changes.since(savepoint).to_vec();
        if changes.contains(&Change::Any) {
            return self.make_readers_independent();
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
    pub(super) fn before_tools_change(&self) {
        // A tool may change the journal mode, for which no other connection may be open.
        self.idle_view.clear();
        self.make_readers_independent();
        if self.in_transaction() {
            self.buffer.borrow_mut().item_changes.add_any();
        }
    }

    /// Sees to it that no open reader needs this connection any more: what the transaction has changed is
    /// saved, and the rest is read in a view. Where there can't be one, everything is saved.
    pub(super) fn make_readers_independent(&self) {
        let mut is_needed = false;
        self.for_each_reader(|state, _| is_needed |= state.depends_on_store());
        if !is_needed {
            return;
        }
        let changes = self.buffer.borrow().item_changes.all().to_vec();
        let view = match changes.contains(&Change::Any) {
            true => None,
            false => self.reader_view(),
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

    /// As [`Database::make_readers_independent`], before a commit. In memory, and out of sight of others,
    /// nobody else can change what was committed.
    pub(super) fn before_commit(&self) {
        if self.others_may_write() {
            self.make_readers_independent();
        }
    }

    /// Saves everything that open readers have yet to read, so that no other connection is needed.
    pub(super) fn save_readers(&self) {
        self.for_each_reader(|state, saving| {
            state.save_rest(saving);
            state.source = Source::Own;
        });
        self.views.borrow_mut().clear();
        self.idle_view.clear();
    }

    /// Ends views that have kept the log from starting again for too long, having saved what their
    /// readers have yet to read.
    pub(super) fn bound_log(&self) {
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
    pub(super) fn end_readers(&self) {
        self.for_each_reader(|state, saving| {
            if state.outlives {
                state.save_rest(saving);
            } else {
                state.saved = Vec::new();
            }
            state.source = Source::Own;
        });
        self.readers.take();
        self.views.borrow_mut().clear();
        self.idle_view.close();
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

/// An iterator over the items of a span.
#[derive(Clone)]
pub struct SpanReader {
    db: SharedDatabase,
    vat_id: Vec<u8>,
    state: Arc<Mutex<ReaderState>>,
}

impl SpanReader {
    /// A reader of the positions from `start_pos` up to, not including, `end_pos`. With
    /// `complete`, reading fails at the end if items are missing.
    pub(super) fn new(
        shared: &SharedDatabase,
        db: &Database,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
        complete: bool,
    ) -> SpanReader {
        let state = Arc::new(Mutex::new(ReaderState {
            vat_id: vat_id.to_vec(),
            next_pos: start_pos,
            end_pos,
            source: Source::Own,
            saved: Vec::new(),
            failure: None,
            found: 0,
            // A damaged store may say that it begins and ends anywhere.
            expected: complete.then_some(end_pos.saturating_sub(start_pos)),
            fetched: ItemBatch::default(),
            read: 0,
            spare: ItemBatch::default(),
            // An empty span has nothing to read, even where nothing can be read any more.
            exhausted: start_pos == end_pos,
            outlives: false,
        }));
        db.register(&state);
        SpanReader {
            db: shared.clone(),
            vat_id: vat_id.to_vec(),
            state,
        }
    }

    /// The same reader, which sees the span as it is in a view; without one, as the store has it, and
    /// nobody else can change it.
    pub(super) fn protected(self, db: &Database, view: Option<Arc<ReaderView>>) -> SpanReader {
        let mut state = locks::lock(&self.state);
        match view {
            Some(view) if !state.exhausted => state.source = Source::View(view),
            None if !db.in_transaction() && db.others_may_write() => {
                let mut saving = Saving {
                    db,
                    done: Vec::new(),
                };
                state.save_rest(&mut saving);
            }
            _ => {}
        }
        drop(state);
        self
    }

    /// A reader as [`SpanReader::new`] makes it, of all items, which goes on when the database is
    /// closed.
    pub(super) fn outliving(
        shared: &SharedDatabase,
        db: &Database,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
    ) -> SpanReader {
        let reader = SpanReader::new(shared, db, vat_id, start_pos, end_pos, true);
        let mut state = locks::lock(&reader.state);
        state.outlives = true;
        drop(state);
        reader
    }

    /// The vat whose span this is.
    pub fn vat_id(&self) -> &[u8] {
        &self.vat_id
    }

    /// The next item and its position; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`]; [`Error::MissingTranscriptItems`] at the end.
    pub fn next_item(&self) -> Result<Option<(i64, Vec<u8>)>> {
        let mut state = self.filled()?;
        let next = state.fetched.get(state.read);
        let Some(next) = next.map(|(position, item)| (position, item.to_vec())) else {
            return state.check_count().map(|()| None);
        };
        state.read += 1;
        Ok(Some(next))
    }

    /// The next items, as many as are fetched at a time; `None` behind the last. To be given back
    /// by [`SpanReader::recycle`].
    ///
    /// # Errors
    /// As [`SpanReader::next_item`].
    pub fn next_batch(&self) -> Result<Option<ItemBatch>> {
        let mut state = self.filled()?;
        if !state.has_items() {
            return state.check_count().map(|()| None);
        }
        if state.read > 0 {
            // Some were read one by one.
            let mut rest = ItemBatch::default();
            for (position, item) in state.fetched.iter().skip(state.read) {
                rest.add(position, item);
            }
            state.read = state.fetched.items.len();
            return Ok(Some(rest));
        }
        let spare = std::mem::take(&mut state.spare);
        Ok(Some(std::mem::replace(&mut state.fetched, spare)))
    }

    /// Ends the reader, which needs nothing any more and has nothing more to give.
    pub fn close(&self) {
        let mut state = locks::lock(&self.state);
        state.exhaust();
        state.fetched = ItemBatch::default();
        state.spare = ItemBatch::default();
        state.read = 0;
        state.expected = None;
    }

    /// Takes a batch back, whose memory the next one needs.
    pub fn recycle(&self, mut batch: ItemBatch) {
        batch.clear();
        let Ok(mut state) = locks::lock_sound(&self.state) else {
            return;
        };
        // A reader that is at its end may stay for long until JavaScript collects it.
        if state.exhausted && !state.has_items() {
            state.fetched = ItemBatch::default();
            state.read = 0;
        } else {
            state.spare = batch;
        }
    }

    /// The next items, each followed by a newline, as many as fit in a chunk but at least one;
    /// `None` behind the last.
    ///
    /// # Errors
    /// As [`SpanReader::next_item`].
    pub fn next_chunk(&self) -> Result<Option<Vec<u8>>> {
        let mut state = self.filled()?;
        if !state.has_items() {
            return state.check_count().map(|()| None);
        }
        let chunk_bytes = limits().chunk_bytes.max(1);
        let room = state.fetched.bytes();
        let mut chunk = Vec::with_capacity(room.min(chunk_bytes + chunk_bytes / 8));
        let mut read = state.read;
        for (_, item) in state.fetched.iter().skip(state.read) {
            if chunk.len() >= chunk_bytes {
                break;
            }
            chunk.extend_from_slice(&super::text::as_read(item));
            chunk.push(b'\n');
            read += 1;
        }
        state.read = read;
        Ok(Some(chunk))
    }

    /// The reader's state, with at least one item fetched if there is one left.
    fn filled(&self) -> Result<MutexGuard<'_, ReaderState>> {
        // Always the database first, then the reader: settling takes them in this order too.
        let db = self.db.lock();
        let mut state = locks::lock_sound(&self.state)?;
        if !db.is_open() && !state.outlives {
            return Err(Error::DatabaseClosed);
        }
        if !state.has_items() {
            state.fetched.clear();
            state.read = 0;
            state.fetch(&db, limits().item_batch_bytes)?;
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Location, OpenOptions, Store, StoreOptions, file_in_directory};
    use super::*;

    const VAT: &[u8] = b"v1";

    fn fill(store: &mut Store, count: usize) {
        store.init_transcript(VAT).unwrap();
        for number in 0..count {
            add(store, number);
        }
    }

    fn add(store: &mut Store, number: usize) {
        let item = format!("{number} {}", "x".repeat(5000));
        store.add_item(VAT, item.as_bytes()).unwrap();
    }

    fn in_memory() -> Store {
        Store::in_memory(StoreOptions::default()).unwrap()
    }

    fn in_file(directory: &std::path::Path) -> Store {
        let location = Location::File(file_in_directory(directory));
        let options = StoreOptions {
            keep_transcripts: false,
            ..StoreOptions::default()
        };
        Store::open(location, &OpenOptions::default(), false, options).unwrap()
    }

    fn count(reader: &SpanReader) -> usize {
        let mut count = 0;
        while reader.next_item().unwrap().is_some() {
            count += 1;
        }
        count
    }

    /// How many items are saved for readers; `None` if there is no place for any.
    fn saved(store: &Store) -> Option<i64> {
        let items = store.database().lock().saved_items.borrow().upgrade()?;
        Some(items.count())
    }

    fn views(store: &Store) -> usize {
        let db = store.database().lock();
        let views = db.views.borrow();
        views.iter().filter(|view| view.strong_count() > 0).count()
    }

    fn take_back(store: &mut Store) {
        store.rollback_crank(b"s").unwrap();
        store.end_crank().unwrap();
        store.finish_crank();
    }

    #[test]
    fn a_rollback_saves_what_the_crank_has_written_once() {
        let mut store = in_memory();
        fill(&mut store, 500);
        let before: Vec<_> = (0..10)
            .map(|_| store.read_span(VAT, None).unwrap())
            .collect();
        store.start_crank().unwrap();
        store.establish_crank_savepoint(b"s").unwrap();
        for number in 0..3 {
            add(&mut store, number);
        }
        let within: Vec<_> = (0..10)
            .map(|_| store.read_span(VAT, None).unwrap())
            .collect();
        take_back(&mut store);
        assert_eq!(saved(&store), Some(3));
        add(&mut store, 7);
        for reader in &before {
            assert_eq!(count(reader), 500);
        }
        for reader in &within {
            assert_eq!(count(reader), 503);
        }
        assert_eq!(saved(&store), None, "the last one takes them along");
    }

    #[test]
    fn a_rollback_concerns_no_reader_of_something_else() {
        let mut store = in_memory();
        fill(&mut store, 500);
        store.init_transcript(b"v2").unwrap();
        let reader = store.read_span(VAT, None).unwrap();
        store.start_crank().unwrap();
        store.establish_crank_savepoint(b"s").unwrap();
        store.add_item(b"v2", b"item").unwrap();
        add(&mut store, 0);
        take_back(&mut store);
        assert_eq!(saved(&store), None);
        assert_eq!(count(&reader), 500);
    }

    #[test]
    fn what_several_readers_need_is_saved_once() {
        let mut store = in_memory();
        fill(&mut store, 200);
        let readers: Vec<_> = (0..20)
            .map(|_| store.read_span(VAT, None).unwrap())
            .collect();
        readers[3].next_item().unwrap();
        store.delete_vat_transcripts(VAT, None).unwrap();
        assert_eq!(saved(&store), Some(200));
        for (at, reader) in readers.iter().enumerate() {
            assert_eq!(count(reader), if at == 3 { 199 } else { 200 });
        }
    }

    #[test]
    fn after_a_commit_readers_go_on_in_one_view() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = in_file(directory.path());
        fill(&mut store, 300);
        store.commit().unwrap();
        let outside = store.read_span(VAT, None).unwrap();
        assert_eq!(views(&store), 1);
        add(&mut store, 0);
        let within = store.read_span(VAT, None).unwrap();
        store.commit().unwrap();
        assert_eq!((saved(&store), views(&store)), (Some(1), 1), "the same one");
        store.rollover(VAT, false).unwrap();
        store.commit().unwrap();
        assert_eq!((count(&outside), count(&within)), (300, 301));
        assert_eq!(views(&store), 0);
        store.close().unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_tools_statement_saves_what_is_not_committed_and_makes_a_view_of_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = in_file(directory.path());
        fill(&mut store, 300);
        store.commit().unwrap();
        for number in 0..4 {
            add(&mut store, number);
        }
        let reader = store.read_span(VAT, None).unwrap();
        let script = |sql: &str| store.database().lock().execute_script(sql).unwrap();
        script("DELETE FROM transcriptItems");
        assert_eq!((saved(&store), views(&store)), (Some(4), 1));
        script("ROLLBACK");
        assert_eq!(count(&reader), 304);
    }

    #[test]
    fn a_reader_that_was_left_does_not_keep_the_log_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = in_file(directory.path());
        fill(&mut store, 300);
        store.commit().unwrap();
        let left = store.read_span(VAT, None).unwrap();
        let mut blocks = 0;
        while views(&store) > 0 {
            for key in 0..300 {
                let value = format!("{blocks} {}", "x".repeat(3000));
                let key = format!("host.{key}");
                store.host_set(key.as_bytes(), value.as_bytes()).unwrap();
            }
            store.commit().unwrap();
            blocks += 1;
            assert!(blocks < 200);
        }
        let log = store.database().lock().log_bytes();
        let limit = limits().pinned_log_bytes as u64;
        assert!((limit..limit + (8 << 20)).contains(&log), "{log}");
        assert_eq!(saved(&store), Some(300));
        assert_eq!(count(&left), 300);
    }

    #[test]
    fn what_can_not_be_saved_is_the_readers_failure() {
        let mut store = in_memory();
        fill(&mut store, 100);
        let reader = store.read_span(VAT, None).unwrap();
        reader.next_item().unwrap();
        let corrupt = "UPDATE transcriptItems SET position = 90.5 WHERE position = 90";
        store.database().lock().execute(corrupt).unwrap();
        store.delete_vat_transcripts(VAT, None).unwrap();
        let error = loop {
            match reader.next_item() {
                Ok(item) => assert!(item.is_some()),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("position"), "{error:?}");
        assert!(store.get_current_span_bounds(VAT).is_err());
    }
}
