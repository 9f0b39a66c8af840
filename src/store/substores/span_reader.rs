//! Reads a transcript span in batches.
//!
//! A reader returns the span as it was when the reader was created, whatever changes in the store.
//! It fetches batches of items either from the store's connection, where `database/open_readers.rs`
//! saves items before they change, or from a read view (`database/span_view.rs`).

use std::sync::{Arc, Mutex, MutexGuard};

use crate::store::database::reader_state::{ReaderState, Source};
use crate::store::database::span_view::SpanView;
use crate::store::database::{Database, SharedDatabase};
use crate::store::error::{Error, Result};
use crate::store::records::item_batch::ItemBatch;
use crate::store::tasks::limits::limits;
use crate::store::tasks::lock;

/// The memory of a batch of the last reader that ended, for the next one. The system would clear it
/// again for each span, which takes a fifth of the time of reading spans of 560 kB.
static SPARE: Mutex<ItemBatch> = Mutex::new(ItemBatch::EMPTY);

/// The largest memory to keep, as a multiple of the usual size of a batch. A batch with a large
/// compressed frame takes more.
const MAX_SPARE: usize = 4;

/// Keeps the memory of a batch for the next reader.
fn keep(batch: ItemBatch) {
    let most = limits().item_batch_bytes.saturating_mul(MAX_SPARE);
    keep_larger(&mut lock::lock(&SPARE), batch, most);
}

/// Replaces `spare` by an empty batch with the memory of `batch`, if that is more, but at most `most`
/// bytes.
fn keep_larger(spare: &mut ItemBatch, mut batch: ItemBatch, most: usize) {
    batch.clear();
    if batch.room() > spare.room() && batch.room() <= most {
        *spare = batch;
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
    /// A reader of the positions from `start_pos` to `end_pos`, exclusive. With `complete`, reading
    /// fails at the end if items are missing.
    pub(crate) fn new(
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
            // In a damaged store, the positions can be any numbers.
            expected: complete.then_some(end_pos.saturating_sub(start_pos)),
            fetched: ItemBatch::default(),
            read: 0,
            spare: ItemBatch::default(),
            // A reader of an empty span never reads, not even from a closed store.
            exhausted: start_pos == end_pos,
            survives_close: false,
        }));
        db.register(&state);
        SpanReader {
            db: shared.clone(),
            vat_id: vat_id.to_vec(),
            state,
        }
    }

    /// Protects a reader from changes by other processes: it reads from `view` or, without one,
    /// saves its items now if another process may write to the file.
    pub(crate) fn protected(self, db: &Database, view: Option<Arc<SpanView>>) -> SpanReader {
        let mut state = lock::lock(&self.state);
        match view {
            Some(view) if !state.exhausted => state.source = Source::View(view),
            None if !db.in_transaction() && db.is_shared_file() => {
                state.save_rest(&mut db.saving());
            }
            _ => {}
        }
        drop(state);
        self
    }

    /// A reader of a complete span that still works after the database is closed.
    pub(crate) fn surviving_close(
        shared: &SharedDatabase,
        db: &Database,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
    ) -> SpanReader {
        let reader = SpanReader::new(shared, db, vat_id, start_pos, end_pos, true);
        let mut state = lock::lock(&reader.state);
        state.survives_close = true;
        drop(state);
        reader
    }

    /// The vat ID of the span.
    pub fn vat_id(&self) -> &[u8] {
        &self.vat_id
    }

    /// The next item and its position; `None` after the last item.
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

    /// The next batch of items; `None` after the last item. Return the batch with
    /// [`SpanReader::recycle`].
    ///
    /// # Errors
    /// As [`SpanReader::next_item`].
    pub fn next_batch(&self) -> Result<Option<ItemBatch>> {
        let mut state = self.filled()?;
        if !state.has_items() {
            return state.check_count().map(|()| None);
        }
        if state.read > 0 {
            // `next_item` has returned part of the batch.
            let mut rest = ItemBatch::default();
            for (position, item) in state.fetched.iter().skip(state.read) {
                rest.add(position, item);
            }
            state.read = state.fetched.len();
            return Ok(Some(rest));
        }
        let spare = std::mem::take(&mut state.spare);
        Ok(Some(std::mem::replace(&mut state.fetched, spare)))
    }

    /// Closes the reader and frees its memory. Further reads return nothing.
    pub fn close(&self) {
        let mut state = lock::lock(&self.state);
        state.exhaust();
        keep(std::mem::take(&mut state.fetched));
        keep(std::mem::take(&mut state.spare));
        state.read = 0;
        state.expected = None;
    }

    /// Takes back a batch, to reuse its memory for the next one.
    pub fn recycle(&self, mut batch: ItemBatch) {
        batch.clear();
        let Ok(mut state) = lock::lock_sound(&self.state) else {
            return;
        };
        // Free the memory at the end: JavaScript may not collect the reader for a long time.
        if state.exhausted && !state.has_items() {
            keep(batch);
            keep(std::mem::take(&mut state.fetched));
            state.read = 0;
        } else {
            state.spare = batch;
        }
    }

    /// The next items, each followed by a newline: as many as fit into a chunk, and at least one.
    /// `None` after the last item.
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
            chunk.extend_from_slice(&crate::store::encoding::wtf8::as_read(item));
            chunk.push(b'\n');
            read += 1;
        }
        state.read = read;
        Ok(Some(chunk))
    }

    /// The reader's state, with at least one fetched item unless it is at the end.
    fn filled(&self) -> Result<MutexGuard<'_, ReaderState>> {
        // Lock order: the database, then the reader.
        let db = self.db.lock();
        let mut state = lock::lock_sound(&self.state)?;
        if !db.is_open() && !state.survives_close {
            return Err(Error::DatabaseClosed);
        }
        if !state.has_items() {
            state.fetched.clear();
            state.read = 0;
            if state.fetched.room() == 0 {
                state.fetched = std::mem::take(&mut state.spare);
            }
            if state.fetched.room() == 0 {
                state.fetched = std::mem::take(&mut *lock::lock(&SPARE));
            }
            state.fetch(&*db, limits().item_batch_bytes)?;
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::locate::file_in_directory;
    use crate::store::database::span_view::log_bytes;
    use crate::store::database::{Location, OpenOptions};
    use crate::store::substores::{Store, StoreOptions};

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

    /// The number of items saved for readers; `None` if nothing is saved.
    fn saved(store: &Store) -> Option<i64> {
        let items = store.database().lock().saved_items.existing()?;
        Some(items.count())
    }

    fn views(store: &Store) -> usize {
        store.database().lock().views.count()
    }

    fn take_back(store: &mut Store) {
        store.rollback_crank(b"s").unwrap();
        store.end_crank().unwrap();
        store.finish_crank();
    }

    #[test]
    fn the_larger_batch_that_is_not_too_large_is_kept_without_its_items() {
        let batch = |bytes: usize| {
            let mut batch = ItemBatch::EMPTY;
            batch.add(1, &vec![0; bytes]);
            batch
        };
        let mut spare = ItemBatch::EMPTY;
        let mut rooms = Vec::new();
        for bytes in [100, 50, 300, 301, 200] {
            keep_larger(&mut spare, batch(bytes), 300);
            assert_eq!((spare.len(), spare.bytes()), (0, 0));
            rooms.push(spare.room());
        }
        assert_eq!(rooms, [100, 100, 300, 300, 300]);
    }

    #[test]
    fn a_reader_uses_one_batch_for_all_its_items() {
        let mut store = in_memory();
        fill(&mut store, 500);
        let reader = store.read_span(VAT, None).unwrap();
        let mut places = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            places.push(batch.get(0).map(|(_, item)| item.as_ptr()));
            reader.recycle(batch);
        }
        assert!(places.len() > 5);
        // The first batch may have grown.
        places[1..places.len() - 1]
            .windows(2)
            .for_each(|pair| assert_eq!(pair[0], pair[1]));
    }

    #[test]
    fn a_rollback_saves_the_items_of_the_crank_once() {
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
        assert_eq!(saved(&store), None, "the last reader deletes them");
    }

    #[test]
    fn a_rollback_saves_nothing_for_readers_of_older_items() {
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
    fn items_that_several_readers_need_are_saved_once() {
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
    fn after_a_commit_readers_share_one_view() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = in_file(directory.path());
        fill(&mut store, 300);
        store.commit().unwrap();
        let outside = store.read_span(VAT, None).unwrap();
        assert_eq!(views(&store), 1);
        add(&mut store, 0);
        let within = store.read_span(VAT, None).unwrap();
        store.commit().unwrap();
        assert_eq!(
            (saved(&store), views(&store)),
            (Some(1), 1),
            "the same view"
        );
        store.rollover(VAT, false).unwrap();
        store.commit().unwrap();
        assert_eq!((count(&outside), count(&within)), (300, 301));
        assert_eq!(views(&store), 0);
        store.close().unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_tools_statement_saves_uncommitted_items_and_reads_the_rest_from_a_view() {
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
    fn an_abandoned_reader_does_not_pin_the_wal_without_limit() {
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
        let log = log_bytes(store.database().lock().connection().unwrap());
        let limit = limits().pinned_log_bytes as u64;
        assert!((limit..limit + (8 << 20)).contains(&log), "{log}");
        assert_eq!(saved(&store), Some(300));
        assert_eq!(count(&left), 300);
    }

    #[test]
    fn a_reader_fails_if_an_item_can_not_be_saved() {
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
