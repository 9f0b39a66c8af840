//! Reading a transcript span step by step.
//!
//! A reader yields the span as it was when the reader was made, whatever is done to the store
//! meanwhile. It fetches a batch of items at a time; before any item is deleted or rolled back,
//! the database makes its open readers take what they have yet to read.

use std::sync::{Arc, Mutex, MutexGuard};

use rusqlite::params;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::database::{Database, SharedDatabase};
use super::error::{Error, Result};
use super::limits::{limits, value_bytes};
use crate::store::locks;

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

/// A place in a span.
pub(super) struct ReaderState {
    vat_id: Vec<u8>,
    next_pos: i64,
    end_pos: i64,
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

    /// Fetches at least one item, if there is one, and about `limit` bytes.
    fn fetch(&mut self, db: &Database, limit: usize) -> Result<()> {
        if self.exhausted {
            return Ok(());
        }
        let mut statement = db.prepare_directly(
            "SELECT position, item FROM transcriptItems
             WHERE vatID = ? AND ? <= position AND position < ?
             ORDER BY position",
        )?;
        let mut rows =
            statement.query(params![SqlText(&self.vat_id), self.next_pos, self.end_pos])?;
        let mut bytes = 0;
        while bytes <= limit {
            let Some(row) = db.checked(rows.next())? else {
                self.exhausted = true;
                break;
            };
            let position = row.get(0)?;
            let item = row.get_ref(1)?.as_bytes()?;
            bytes += item.len() + ITEM_BYTES;
            self.fetched.add(position, item);
            self.next_pos = position.saturating_add(1);
            self.found += 1;
        }
        Ok(())
    }

    /// Fetches everything that is left.
    pub(super) fn take_rest(&mut self, db: &Database) -> Result<()> {
        self.fetch(db, usize::MAX)
    }

    /// Fetches everything that is left if the reader is to go on when the database is closed.
    pub(super) fn outlive(&mut self, db: &Database) -> Result<()> {
        match self.outlives && db.is_open() {
            true => self.take_rest(db),
            false => Ok(()),
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
        db: &mut Database,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
        complete: bool,
    ) -> SpanReader {
        let state = Arc::new(Mutex::new(ReaderState {
            vat_id: vat_id.to_vec(),
            next_pos: start_pos,
            end_pos,
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

    /// A reader as [`SpanReader::new`] makes it, of all items, which goes on when the database is
    /// closed.
    pub(super) fn outliving(
        shared: &SharedDatabase,
        db: &mut Database,
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
        let has_all = state.outlives && state.exhausted;
        if !db.is_open() && !has_all {
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
