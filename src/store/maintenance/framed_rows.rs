//! Deletes the rows of items that are in frames, in the order in which the rows are in the file.
//!
//! The items of a span are checked before the pass comes to its first row. Compaction adds the frames
//! of the oldest spans and lets the pass follow, so few items are in the file twice at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::row_sweep::{RowSweep, SweepLimits};
use crate::store::database::Database;
use crate::store::database::row_order::{RowPlace, RowSpread};
use crate::store::error::Result;
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::Monitor;

/// The rows of many spans, and a pass over them.
pub(super) struct FramedRows<'a> {
    spans: Vec<SpanRows<'a>>,
    /// The indices of the spans of each vat, by start.
    vats: HashMap<&'a [u8], Vec<usize>>,
    /// The index of the first span that was not decided.
    undecided: usize,
    sweep: RowSweep,
    framed: FramedRanges,
}

/// The positions of spans that are in frames, by the index of the span.
#[derive(Default)]
struct FramedRanges {
    found: HashMap<usize, Vec<Range<i64>>>,
    /// SQLite's data version, which commits of other connections change: a kernel may delete a vat.
    version: Option<i64>,
}

impl FramedRanges {
    /// Drops what another connection may have changed.
    fn refresh(&mut self, db: &Database) -> Result<()> {
        let version = db.peek_value("PRAGMA data_version", [])?;
        if version.is_none() || version != self.version {
            self.found.clear();
            self.version = version;
        }
        Ok(())
    }

    fn contain(
        &mut self,
        db: &Database,
        index: usize,
        span: &SpanRecord,
        position: i64,
    ) -> Result<bool> {
        let ranges = match self.found.entry(index) {
            Entry::Occupied(ranges) => ranges.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(db.framed_ranges(span)?),
        };
        Ok(ranges.iter().any(|range| range.contains(&position)))
    }
}

/// A span, and its rows.
struct SpanRows<'a> {
    record: &'a SpanRecord,
    /// The number of rows that are left.
    left: u64,
    /// The lowest rowid of this span and the later ones.
    lowest: i64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Undecided,
    /// The rows stay.
    Kept,
    /// The items in frames were checked, so their rows may be deleted.
    Framed,
}

impl<'a> FramedRows<'a> {
    /// A pass over the rows of spans, given with their numbers of rows; `None` if deleting them in this
    /// order would not be faster.
    ///
    /// # Errors
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub(super) fn plan(
        db: &Database,
        spans: &'a [(SpanRecord, u64)],
        monitor: &Monitor,
    ) -> Result<Option<FramedRows<'a>>> {
        let mut spread = RowSpread::default();
        let mut all = Vec::with_capacity(spans.len());
        let mut vats: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (index, (record, left)) in spans.iter().enumerate() {
            monitor.check()?;
            let rows = db.rows_of_range(&record.vat_id, record.start_pos..record.end_pos)?;
            if let Some(rows) = &rows {
                spread.add(rows);
            }
            vats.entry(&record.vat_id).or_default().push(index);
            all.push(SpanRows {
                record,
                left: *left,
                lowest: rows.map_or(i64::MAX, |rows| rows.first),
                state: State::Undecided,
            });
        }
        let Some(rows) = spread.choose() else {
            return Ok(None);
        };
        for indices in vats.values_mut() {
            indices.sort_by_key(|index| all[*index].record.start_pos);
        }
        let mut lowest = i64::MAX;
        for span in all.iter_mut().rev() {
            lowest = lowest.min(span.lowest);
            span.lowest = lowest;
        }
        Ok(Some(FramedRows {
            spans: all,
            vats,
            undecided: 0,
            sweep: RowSweep::new(rows),
            framed: FramedRanges::default(),
        }))
    }

    /// Records whether the rows of a span may be deleted: whether its items in frames were checked.
    pub(super) fn decide(&mut self, index: usize, may_delete: bool) {
        self.spans[index].state = if may_delete {
            State::Framed
        } else {
            State::Kept
        };
        let rest = &self.spans[self.undecided..];
        let decided = rest
            .iter()
            .take_while(|span| span.state != State::Undecided);
        self.undecided += decided.count();
    }

    /// The last row that the pass may visit now: none of an undecided span.
    fn last_row(&self) -> i64 {
        self.spans
            .get(self.undecided)
            .map_or(i64::MAX, |span| span.lowest.saturating_sub(1))
    }

    /// Whether the pass has visited all rows that it may visit now.
    pub(super) fn is_waiting(&self) -> bool {
        self.sweep.has_passed(self.last_row())
    }

    /// Deletes rows in a transaction, and no more after `time` since `start`. Returns the number of
    /// spans whose last row was deleted.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn delete_some(
        &mut self,
        db: &Database,
        (start, time): (Instant, Duration),
    ) -> Result<u64> {
        let limits = SweepLimits {
            last_row: self.last_row(),
            budget: u64::MAX,
            start,
            time,
        };
        let FramedRows {
            spans,
            vats,
            sweep,
            framed,
            ..
        } = self;
        framed.refresh(db)?;
        let mut finished = 0;
        sweep.delete_some(db, limits, &mut |place: &RowPlace| {
            let Some(index) = span_at(spans, vats, place) else {
                return Ok(false);
            };
            let span = &mut spans[index];
            if span.state != State::Framed {
                return Ok(false);
            }
            let is_framed = framed.contain(db, index, span.record, place.position)?;
            if is_framed {
                span.left = span.left.saturating_sub(1);
                if span.left == 0 {
                    finished += 1;
                    framed.found.remove(&index);
                }
            }
            Ok(is_framed)
        })?;
        Ok(finished)
    }

    /// The spans with rows that the pass has not deleted, though their items in frames were checked.
    pub(super) fn left(&self) -> Vec<&'a SpanRecord> {
        let left = self.spans.iter();
        left.filter(|span| span.state == State::Framed && span.left > 0)
            .map(|span| span.record)
            .collect()
    }
}

/// The index of the span of a row.
fn span_at(
    spans: &[SpanRows<'_>],
    vats: &HashMap<&[u8], Vec<usize>>,
    place: &RowPlace,
) -> Option<usize> {
    let indices = vats.get(&*place.vat_id)?;
    let after = indices.partition_point(|index| spans[*index].record.start_pos <= place.position);
    let index = *indices.get(after.checked_sub(1)?)?;
    (place.position < spans[index].record.end_pos).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::compressed_items::compaction::FrameBuilder;
    use crate::store::database::item_source::StoredItem;
    use crate::store::substores::Store;
    use crate::store::substores::three_vats::{self, VATS};

    const HOUR: Duration = Duration::from_secs(3600);

    fn spans(store: &Store) -> Vec<(SpanRecord, u64)> {
        let db = store.database().lock();
        db.compressible_spans(None, &Monitor::default()).unwrap()
    }

    fn plan<'a>(store: &Store, spans: &'a [(SpanRecord, u64)]) -> Option<FramedRows<'a>> {
        let db = store.database().lock();
        FramedRows::plan(&db, spans, &Monitor::default()).unwrap()
    }

    /// Adds the frames of a span, and keeps its rows.
    fn add_frames(store: &Store, span: &SpanRecord) {
        let db = store.database().lock();
        let mut builder = FrameBuilder::new().unwrap();
        let found = db.compress_span(span, &mut builder, &Monitor::default());
        for frame in found.unwrap().frames.unwrap() {
            assert!(db.add_frame_of_rows(span, &frame).unwrap());
        }
    }

    /// The rowids of the rows that are left. The row of an item is 3 times its position and the index
    /// of its vat plus 1.
    fn left(store: &Store) -> Vec<i64> {
        let db = store.database().lock();
        let sql = "SELECT rowid FROM transcriptItems ORDER BY rowid";
        db.peek_rows(sql, [], |row| row.get(0)).unwrap()
    }

    fn delete_some(store: &Store, rows: &mut FramedRows<'_>, time: Duration) -> u64 {
        let db = store.database().lock();
        let start = Instant::now().checked_sub(HOUR / 2).unwrap();
        rows.delete_some(&db, (start, time)).unwrap()
    }

    /// Checks that the store has all items of all vats.
    fn check_items(store: &Store) {
        let db = store.database().lock();
        for (vat, vat_id) in VATS.into_iter().enumerate() {
            let mut position = 0;
            let all = db.visit_items(vat_id, 0..30, &mut |found: StoredItem<'_>| {
                assert_eq!(
                    found.item.as_bytes().unwrap(),
                    three_vats::item(vat, position)
                );
                position += 1;
                Ok(true)
            });
            assert!(all.unwrap());
            assert_eq!(position, 30);
        }
    }

    #[test]
    fn rows_are_deleted_up_to_the_first_undecided_span() {
        let store = three_vats::in_memory(true);
        let spans = spans(&store);
        assert_eq!(spans.len(), 9);
        let mut rows = plan(&store, &spans).unwrap();
        assert!(rows.is_waiting(), "nothing is decided");
        for (index, (span, _)) in spans.iter().enumerate() {
            add_frames(&store, span);
            rows.decide(index, true);
            let finished = delete_some(&store, &mut rows, HOUR);
            // The first rows of the spans are 1, 2, 3, 31, 32, 33, 61, 62 and 63.
            let next = index + 1;
            let next = i64::try_from(next / 3 * 30 + next % 3 + 1).unwrap();
            assert_eq!(left(&store), (next..=90).collect::<Vec<_>>());
            // The last row of a span is before the first one of the vat's next span.
            assert_eq!(finished, if next % 30 == 1 { 3 } else { 0 }, "{index}");
            assert!(rows.is_waiting());
            check_items(&store);
        }
        assert!(left(&store).is_empty() && rows.left().is_empty());
    }

    #[test]
    fn a_transaction_ends_in_time() {
        let store = three_vats::in_memory(true);
        let spans = spans(&store);
        let mut rows = plan(&store, &spans).unwrap();
        for (index, (span, _)) in spans.iter().enumerate().rev() {
            add_frames(&store, span);
            rows.decide(index, true);
        }
        let mut finished = 0;
        for rest in (0..90).rev() {
            assert!(!rows.is_waiting());
            finished += delete_some(&store, &mut rows, Duration::ZERO);
            assert_eq!(left(&store).len(), rest);
            check_items(&store);
        }
        assert!(rows.is_waiting());
        assert_eq!(finished, 9);
    }

    #[test]
    fn rows_stay_that_are_in_no_frame_of_the_same_span() {
        let store = three_vats::in_memory(true);
        let spans = spans(&store);
        let mut rows = plan(&store, &spans).unwrap();
        for (index, (span, _)) in spans.iter().enumerate() {
            if index != 1 {
                add_frames(&store, span);
            }
            // The caller did not check the last span.
            rows.decide(index, index != 8);
        }
        // Another program changes the record of a span, deletes frames, and moves a row.
        for sql in [
            "UPDATE transcriptSpans SET endPos = 9 WHERE vatID = 'v1' AND startPos = 0",
            "DELETE FROM compressedItems WHERE vatID = 'v3' AND startPos = 0",
            "UPDATE transcriptItems SET rowid = 91 WHERE vatID = 'v1' AND position = 25",
        ] {
            store.database().lock().execute(sql).unwrap();
        }
        delete_some(&store, &mut rows, HOUR);
        let first = (0..10).flat_map(|position| (1..=3).map(move |vat| 3 * position + vat));
        let last = (20..30).map(|position| 3 * position + 3).chain([91]);
        assert_eq!(left(&store), first.chain(last).collect::<Vec<_>>());
        let left: Vec<i64> = rows.left().iter().map(|span| span.start_pos).collect();
        assert_eq!(left, [0, 0, 0, 20]);
    }

    #[test]
    fn only_items_that_are_spread_over_the_file_are_deleted_in_this_order() {
        let in_order = three_vats::in_memory(false);
        assert!(plan(&in_order, &spans(&in_order)).is_none());
        let interleaved = three_vats::in_memory(true);
        assert!(plan(&interleaved, &[]).is_none());
    }
}
