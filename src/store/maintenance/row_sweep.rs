//! Deletes items of many spans in the order in which their rows are in the file.
//!
//! A chain writes the items of all vats in turn. The rows of one span are then on pages all over the
//! file, and each deleted row changes several pages: its own, its neighbors', and inner pages of the
//! table. In the order of the rows, one transaction empties whole pages next to each other, of which
//! few have to be written.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::store::database::Database;
use crate::store::database::row_order::RowPlace;
use crate::store::error::Result;

/// How many rows are visited with one query.
const STEP: u64 = 50;

/// A pass over a range of rows, in several transactions.
pub(super) struct RowSweep {
    /// The rows that were not visited yet.
    rows: Option<RangeInclusive<i64>>,
}

/// What ends a transaction.
#[derive(Clone, Copy)]
pub(super) struct SweepLimits {
    /// The last rowid to be visited.
    pub(super) last_row: i64,
    /// The maximum number of deleted rows.
    pub(super) budget: u64,
    /// No more rows are deleted after this time since `start`.
    pub(super) start: Instant,
    pub(super) time: Duration,
}

impl RowSweep {
    /// A pass over the rows with these rowids.
    pub(super) fn new(rows: RangeInclusive<i64>) -> RowSweep {
        RowSweep { rows: Some(rows) }
    }

    /// Whether all rows were visited.
    pub(super) fn is_done(&self) -> bool {
        self.rows.is_none()
    }

    /// Whether all rows up to a rowid were visited.
    pub(super) fn has_passed(&self, last_row: i64) -> bool {
        self.rows
            .as_ref()
            .is_none_or(|rows| *rows.start() > last_row)
    }

    /// Deletes rows for which `choose` returns true, in the caller's transaction. Returns their
    /// number.
    ///
    /// # Errors
    /// SQLite's errors; those of `choose`.
    pub(super) fn delete_some(
        &mut self,
        db: &Database,
        limits: SweepLimits,
        choose: &mut dyn FnMut(&RowPlace) -> Result<bool>,
    ) -> Result<u64> {
        let mut deleted = 0;
        let is_late = || limits.start.elapsed() >= limits.time;
        let mut has_visited = false;
        while let Some(rows) = self.rows.clone()
            && *rows.start() <= limits.last_row
        {
            let count = STEP.min(limits.budget.saturating_sub(deleted));
            if count == 0 || (has_visited && is_late()) {
                break;
            }
            has_visited = true;
            let last = limits.last_row.min(*rows.end());
            let found = db.rows_from(*rows.start()..=last, count)?;
            let visited = match found.last() {
                Some(place) if found.len() as u64 == count => place.row,
                _ => last,
            };
            self.rows = (visited < *rows.end()).then(|| visited + 1..=*rows.end());
            for place in found {
                if choose(&place)? {
                    db.delete_row(place.row, &place.vat_id, place.position)?;
                    deleted += 1;
                    if is_late() {
                        self.rows = (place.row < *rows.end()).then(|| place.row + 1..=*rows.end());
                        return Ok(deleted);
                    }
                }
            }
        }
        Ok(deleted)
    }
}
