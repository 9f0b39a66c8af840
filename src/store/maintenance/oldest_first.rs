//! Deletes items of many spans in the order in which their rows are in the file, and those of each vat
//! from the oldest to the newest.
//!
//! This is only a shortcut for what it finds in order; whatever comes in another order is left to the
//! caller.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::row_sweep::{RowSweep, SweepLimits};
use crate::store::database::Database;
use crate::store::database::row_order::{RowPlace, RowSpread};
use crate::store::error::Result;

/// The items that can be deleted in this order.
pub(super) struct OldestFirst {
    vats: HashMap<Vec<u8>, VatItems>,
    sweep: RowSweep,
}

/// The items of a vat to be deleted, in order.
#[derive(Default)]
struct VatItems {
    spans: Vec<SpanItems>,
    /// The index of the span of the next item.
    current: usize,
    /// Whether later spans are left to the caller.
    is_complete: bool,
}

/// The remaining items of a span.
struct SpanItems {
    /// The caller's index.
    index: usize,
    next_pos: i64,
    /// The end position, exclusive.
    end_pos: i64,
}

/// What one transaction did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    pub(super) items: u64,
    /// The indices of the spans whose last item was deleted.
    pub(super) finished: Vec<usize>,
}

/// Finds the items that can be deleted in this order.
#[derive(Default)]
pub(super) struct OldestFirstPlan {
    vats: HashMap<Vec<u8>, VatItems>,
    rows: RowSpread,
}

impl OldestFirstPlan {
    /// Adds a span. The spans of a vat come in order. If an item of a span may be missing or is
    /// compressed, the plan takes neither this span nor later ones of its vat.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn add(
        &mut self,
        db: &Database,
        index: usize,
        vat_id: &[u8],
        range: Range<i64>,
    ) -> Result<()> {
        let items = self.vats.entry(vat_id.to_vec()).or_default();
        if items.is_complete {
            return Ok(());
        }
        let rows = db.rows_of_range(vat_id, range.clone())?;
        let is_compressed = !db.frames(vat_id, range.clone())?.is_empty();
        let Some(rows) = rows.filter(|rows| rows.reach_to(range.end) && !is_compressed) else {
            items.is_complete = true;
            return Ok(());
        };
        items.spans.push(SpanItems {
            index,
            next_pos: rows.start_pos,
            end_pos: range.end,
        });
        self.rows.add(&rows);
        Ok(())
    }

    /// The items to be deleted; `None` if this order would not be faster.
    pub(super) fn choose(self) -> Option<OldestFirst> {
        Some(OldestFirst {
            sweep: RowSweep::new(self.rows.choose()?),
            vats: self.vats,
        })
    }
}

impl OldestFirst {
    /// Whether all rows were visited.
    pub(super) fn is_done(&self) -> bool {
        self.sweep.is_done()
    }

    /// Deletes rows in a transaction: at most `budget`, and no more after `time` since `start`.
    /// Leaves the items of a span alone for which `may_delete`, called with its index, returns false.
    ///
    /// # Errors
    /// SQLite's errors; those of `may_delete`.
    pub(super) fn delete_some(
        &mut self,
        db: &Database,
        budget: u64,
        (start, time): (Instant, Duration),
        may_delete: impl Fn(usize) -> Result<bool>,
    ) -> Result<Swept> {
        let limits = SweepLimits {
            last_row: i64::MAX,
            budget,
            start,
            time,
        };
        let OldestFirst { vats, sweep } = self;
        let mut finished = Vec::new();
        // The spans that were checked in this transaction.
        let mut checked: HashMap<usize, bool> = HashMap::new();
        let items = sweep.delete_some(db, limits, &mut |place: &RowPlace| {
            let Some(vat) = vats.get_mut(&place.vat_id) else {
                return Ok(false);
            };
            let Some(index) = vat.next(place.position) else {
                return Ok(false);
            };
            let is_allowed = match checked.get(&index) {
                Some(is_allowed) => *is_allowed,
                None => {
                    let is_allowed = may_delete(index)?;
                    checked.insert(index, is_allowed);
                    is_allowed
                }
            };
            if is_allowed {
                finished.extend(vat.take_next());
            } else {
                vats.remove(&place.vat_id);
            }
            Ok(is_allowed)
        })?;
        Ok(Swept { items, finished })
    }
}

impl VatItems {
    /// The index of the span to which the item at a position belongs, if it is the next one of the
    /// vat.
    fn next(&self, position: i64) -> Option<usize> {
        let span = self.spans.get(self.current)?;
        (span.next_pos == position).then_some(span.index)
    }

    /// Moves on after the next item. Returns the index of its span if that was the last one.
    fn take_next(&mut self) -> Option<usize> {
        let span = self.spans.get_mut(self.current)?;
        span.next_pos += 1;
        if span.next_pos < span.end_pos {
            return None;
        }
        self.current += 1;
        Some(span.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::substores::Store;
    use crate::store::substores::three_vats::{self, VATS};

    const HOUR: Duration = Duration::from_secs(3600);

    /// The plan for the first spans, three of each vat.
    fn plan(store: &Store, spans: usize) -> Option<OldestFirst> {
        let db = store.database().lock();
        let mut plan = OldestFirstPlan::default();
        for index in 0..spans {
            let start = i64::try_from(index % 3).unwrap() * 10;
            plan.add(&db, index, VATS[index / 3], start..start + 10)
                .unwrap();
        }
        plan.choose()
    }

    /// Deletes everything, and returns the numbers of items of all transactions, and the finished
    /// spans.
    fn delete_all(
        store: &Store,
        mut sweep: OldestFirst,
        budget: u64,
        may_delete: impl Fn(usize) -> bool,
    ) -> (Vec<u64>, Vec<usize>) {
        let (mut counts, mut finished) = (Vec::new(), Vec::new());
        while !sweep.is_done() {
            let db = store.database().lock();
            let limits = (Instant::now(), HOUR);
            let swept = sweep.delete_some(&db, budget, limits, |index| Ok(may_delete(index)));
            let swept = swept.unwrap();
            counts.push(swept.items);
            finished.extend(swept.finished);
        }
        finished.sort_unstable();
        (counts, finished)
    }

    /// The positions of the items that each vat still has.
    fn left(store: &Store) -> [Vec<i64>; 3] {
        let db = store.database().lock();
        VATS.map(|vat| {
            let positions = (0..30)
                .filter(|position| db.count_items(vat, *position, position + 1).unwrap() > 0);
            positions.collect()
        })
    }

    #[test]
    fn one_pass_over_the_rows_empties_all_spans() {
        for (budget, expected) in [(1000, vec![90]), (40, vec![40, 40, 10]), (90, vec![90])] {
            let store = three_vats::in_memory(true);
            let sweep = plan(&store, 9).unwrap();
            let (counts, finished) = delete_all(&store, sweep, budget, |_| true);
            assert_eq!(counts, expected);
            assert_eq!(finished, (0..9).collect::<Vec<_>>());
            assert!(left(&store).iter().all(Vec::is_empty));
        }
    }

    #[test]
    fn a_transaction_ends_in_time_and_the_oldest_items_come_first() {
        let store = three_vats::in_memory(true);
        let mut sweep = plan(&store, 9).unwrap();
        let late = (Instant::now() - HOUR, Duration::from_secs(1));
        for _ in 0..90 {
            assert!(!sweep.is_done());
            let db = store.database().lock();
            let swept = sweep.delete_some(&db, 1000, late, |_| Ok(true)).unwrap();
            assert_eq!(swept.items, 1);
            drop(db);
            for positions in left(&store) {
                let first = positions.first().copied().unwrap_or(30);
                assert_eq!(positions, (first..30).collect::<Vec<_>>(), "no gap");
            }
        }
        assert!(sweep.is_done());
    }

    #[test]
    fn items_in_another_order_and_those_after_them_are_left() {
        let store = three_vats::in_memory(true);
        let sql = "UPDATE transcriptItems SET rowid = 91 WHERE vatID = 'v1' AND position = 15";
        store.database().lock().execute(sql).unwrap();
        let sweep = plan(&store, 9).unwrap();
        let (_, finished) = delete_all(&store, sweep, 1000, |_| true);
        assert_eq!(finished, [0, 3, 4, 5, 6, 7, 8]);
        let [first, others @ ..] = left(&store);
        assert_eq!(first, (16..30).collect::<Vec<_>>());
        assert!(others.iter().all(Vec::is_empty));
    }

    #[test]
    fn spans_with_gaps_and_later_ones_are_left() {
        let store = three_vats::in_memory(true);
        let delete = "DELETE FROM transcriptItems WHERE";
        for gap in [
            "vatID = 'v1' AND position = 15",
            "vatID = 'v2' AND position < 3",
        ] {
            store
                .database()
                .lock()
                .execute(&format!("{delete} {gap}"))
                .unwrap();
        }
        let sweep = plan(&store, 9).unwrap();
        let (counts, finished) = delete_all(&store, sweep, 1000, |_| true);
        // A span whose first items were pruned has no gap.
        assert_eq!(
            (counts, finished),
            (vec![10 + 27 + 30], vec![0, 3, 4, 5, 6, 7, 8])
        );
        let expected: Vec<i64> = (10..30).filter(|position| *position != 15).collect();
        assert_eq!(left(&store)[0], expected);
    }

    #[test]
    fn a_span_that_must_not_be_deleted_any_more_and_later_ones_are_left() {
        let store = three_vats::in_memory(true);
        let sweep = plan(&store, 9).unwrap();
        let (_, finished) = delete_all(&store, sweep, 1000, |index| index != 4);
        assert_eq!(finished, [0, 1, 2, 3, 6, 7, 8]);
        let [first, second, third] = left(&store);
        assert_eq!(second, (10..30).collect::<Vec<_>>());
        assert!(first.is_empty() && third.is_empty());
    }

    #[test]
    fn only_items_that_are_spread_over_the_file_are_deleted_in_this_order() {
        assert!(plan(&three_vats::in_memory(false), 9).is_none());
        let store = three_vats::in_memory(true);
        // 88 rows are read for 30 items, and 91 are too many.
        assert!(plan(&store, 3).is_some());
        let sql = "UPDATE transcriptItems SET rowid = 91 WHERE vatID = 'v1' AND position = 29";
        store.database().lock().execute(sql).unwrap();
        assert!(plan(&store, 3).is_none());
        assert!(plan(&store, 0).is_none());
    }
}
