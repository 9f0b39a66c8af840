//! Reading a transcript span step by step.
//!
//! A reader yields the span as it was when the reader was made, whatever is done to the store
//! meanwhile. It fetches a batch of items at a time; before any item is deleted or rolled back,
//! the database makes its open readers take what they have yet to read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::params;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::database::{Database, SharedDatabase};
use super::error::{Error, Result};
use super::limits::limits;

/// An item and its position.
pub type Item = (i64, Vec<u8>);

/// WTF-8 as an SQL text.
pub(super) struct SqlText<'a>(pub &'a [u8]);

impl rusqlite::ToSql for SqlText<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
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
    fetched: VecDeque<Item>,
    exhausted: bool,
}

impl ReaderState {
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
            let Some(row) = rows.next()? else {
                self.exhausted = true;
                break;
            };
            let position = row.get(0)?;
            let item = row.get_ref(1)?.as_bytes()?;
            bytes += item.len();
            self.fetched.push_back((position, item.to_vec()));
            self.next_pos = position + 1;
            self.found += 1;
        }
        Ok(())
    }

    /// Fetches everything that is left.
    pub(super) fn take_rest(&mut self, db: &Database) -> Result<()> {
        self.fetch(db, usize::MAX)
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
            expected: complete.then_some(end_pos - start_pos),
            fetched: VecDeque::new(),
            // An empty span has nothing to read, even where nothing can be read any more.
            exhausted: start_pos == end_pos,
        }));
        db.register(&state);
        SpanReader {
            db: shared.clone(),
            vat_id: vat_id.to_vec(),
            state,
        }
    }

    /// The vat whose span this is.
    pub fn vat_id(&self) -> &[u8] {
        &self.vat_id
    }

    /// The next item and its position; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`]; [`Error::MissingTranscriptItems`] at the end.
    pub fn next_item(&self) -> Result<Option<Item>> {
        let mut state = self.filled()?;
        match state.fetched.pop_front() {
            Some(item) => Ok(Some(item)),
            None => state.check_count().map(|()| None),
        }
    }

    /// The next items and their positions, as many as are fetched at a time; `None` behind the
    /// last.
    ///
    /// # Errors
    /// As [`SpanReader::next_item`].
    pub fn next_items(&self) -> Result<Option<Vec<Item>>> {
        let mut state = self.filled()?;
        if state.fetched.is_empty() {
            return state.check_count().map(|()| None);
        }
        Ok(Some(std::mem::take(&mut state.fetched).into()))
    }

    /// The next items, each followed by a newline, as many as fit in a chunk but at least one; `None` behind the last.
    ///
    /// # Errors
    /// As [`SpanReader::next_item`].
    pub fn next_chunk(&self) -> Result<Option<Vec<u8>>> {
        let mut state = self.filled()?;
        if state.fetched.is_empty() {
            return state.check_count().map(|()| None);
        }
        let chunk_bytes = limits().chunk_bytes.max(1);
        let fetched: usize = state.fetched.iter().map(|(_, item)| item.len() + 1).sum();
        let mut chunk = Vec::with_capacity(fetched.min(chunk_bytes + chunk_bytes / 8));
        while chunk.len() < chunk_bytes {
            let Some((_, item)) = state.fetched.pop_front() else {
                break;
            };
            chunk.extend_from_slice(&super::text::as_read(&item));
            chunk.push(b'\n');
        }
        Ok(Some(chunk))
    }

    /// The reader's state, with at least one item fetched if there is one left.
    fn filled(&self) -> Result<MutexGuard<'_, ReaderState>> {
        // Always the database first, then the reader: settling takes them in this order too.
        let db = self.db.lock();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !db.is_open() {
            return Err(Error::DatabaseClosed);
        }
        if state.fetched.is_empty() {
            state.fetch(&db, limits().item_batch_bytes)?;
        }
        Ok(state)
    }
}
