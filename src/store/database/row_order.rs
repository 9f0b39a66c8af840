//! Reads the rows of `transcriptItems` in the order in which they are in the file.

use std::ops::{Range, RangeInclusive};

use rusqlite::params;
use rusqlite::types::ValueRef;

use super::Database;
use super::sql_text::SqlText;
use crate::store::error::Result;

/// The rows of a range of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowsOfRange {
    /// The number of rows.
    pub(crate) count: i64,
    /// The lowest position.
    pub(crate) start_pos: i64,
    /// The lowest and the highest rowid.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl RowsOfRange {
    /// Whether there are as many rows as positions from the lowest to `end_pos`, exclusive.
    pub(crate) fn reach_to(&self, end_pos: i64) -> bool {
        self.count == end_pos.saturating_sub(self.start_pos)
    }
}

/// The number of rowids from `first` to `last`, inclusive.
fn spread(first: i64, last: i64) -> i64 {
    last.saturating_sub(first).saturating_add(1)
}

/// How many rows the rows of a range are spread over, as a multiple of their number, for the order of
/// the file to be faster.
const MIN_SPREAD: i64 = 2;

/// How many rows may be visited for each one that is wanted.
const MAX_WASTE: i64 = 3;

/// Decides whether the rows of many ranges are visited faster in the order of the file than range by
/// range.
#[derive(Debug, Default)]
pub(crate) struct RowSpread {
    rows: Option<RangeInclusive<i64>>,
    items: i64,
    spread: i64,
}

impl RowSpread {
    /// Adds the rows of a range.
    pub(crate) fn add(&mut self, rows: &RowsOfRange) {
        self.items = self.items.saturating_add(rows.count);
        self.spread = self.spread.saturating_add(spread(rows.first, rows.last));
        let all = self.rows.take().unwrap_or(rows.first..=rows.last);
        self.rows = Some(rows.first.min(*all.start())..=rows.last.max(*all.end()));
    }

    /// The rowids to visit in the order of the file; `None` if this would not be faster.
    pub(crate) fn choose(self) -> Option<RangeInclusive<i64>> {
        let rows = self.rows?;
        let visited = spread(*rows.start(), *rows.end());
        let is_spread = self.spread >= self.items.saturating_mul(MIN_SPREAD);
        let is_most = visited <= self.items.saturating_mul(MAX_WASTE);
        (is_spread && is_most).then_some(rows)
    }
}

/// Where an item is. No position of an item that a store writes is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowPlace {
    pub(crate) row: i64,
    pub(crate) vat_id: Vec<u8>,
    /// The position; -1 if it is not a whole number.
    pub(crate) position: i64,
}

/// A row, as a store writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ItemRow<'a> {
    pub(crate) vat_id: &'a [u8],
    pub(crate) position: i64,
    pub(crate) item: &'a [u8],
}

impl Database {
    /// The number and place of a range's rows; `None` without rows, or if the lowest position is not a
    /// whole number. Reads only an index.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn rows_of_range(
        &self,
        vat_id: &[u8],
        range: Range<i64>,
    ) -> Result<Option<RowsOfRange>> {
        self.peek_row(
            "SELECT COUNT(*), MIN(rowid), MAX(rowid), MIN(position) FROM transcriptItems
             WHERE vatID = ? AND position >= ? AND position < ?",
            params![SqlText(vat_id), range.start, range.end],
            |row| {
                let ValueRef::Integer(start_pos) = row.get_ref(3)? else {
                    return Ok(None);
                };
                Ok(Some(RowsOfRange {
                    count: row.get(0)?,
                    start_pos,
                    first: row.get(1)?,
                    last: row.get(2)?,
                }))
            },
        )
        .map(Option::flatten)
    }

    /// Passes each row in a range of rowids to `take`, in the order of the rowids. Skips rows that no
    /// store writes: those whose position is not a whole number, or whose vat or item is not a text.
    ///
    /// # Errors
    /// Those of `take`, which end the visit; SQLite's errors.
    pub(crate) fn visit_rows(
        &self,
        rows: RangeInclusive<i64>,
        take: &mut dyn FnMut(ItemRow<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.prepare_directly(
            "SELECT vatID, position, item FROM transcriptItems NOT INDEXED
             WHERE rowid >= ? AND rowid <= ? ORDER BY rowid",
        )?;
        let mut found = statement.query([rows.start(), rows.end()])?;
        while let Some(row) = found.next()? {
            let columns = (row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?);
            if let (ValueRef::Text(vat_id), ValueRef::Integer(position), ValueRef::Text(item)) =
                columns
            {
                take(ItemRow {
                    vat_id,
                    position,
                    item,
                })?;
            }
        }
        Ok(())
    }

    /// The places of the first `count` rows in a range of rowids, in order.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn rows_from(&self, rows: RangeInclusive<i64>, count: u64) -> Result<Vec<RowPlace>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.peek_rows(
            "SELECT rowid, vatID, position FROM transcriptItems NOT INDEXED
             WHERE rowid >= ? AND rowid <= ? ORDER BY rowid LIMIT ?",
            [*rows.start(), *rows.end(), count],
            |row| {
                let vat_id = match row.get_ref(1)? {
                    ValueRef::Text(vat_id) => vat_id.to_vec(),
                    _ => Vec::new(),
                };
                Ok(RowPlace {
                    row: row.get(0)?,
                    vat_id,
                    position: match row.get_ref(2)? {
                        ValueRef::Integer(position) => position,
                        _ => -1,
                    },
                })
            },
        )
    }

    /// Deletes an item's row.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn delete_row(&self, row: i64, vat_id: &[u8], position: i64) -> Result<()> {
        self.before_change(vat_id, position, position.saturating_add(1));
        self.run_unbuffered("DELETE FROM transcriptItems WHERE rowid = ?", [row])?;
        Ok(())
    }
}
