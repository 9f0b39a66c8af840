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
    /// The lowest and the highest rowid.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// A row, as a store writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ItemRow<'a> {
    pub(crate) vat_id: &'a [u8],
    pub(crate) position: i64,
    pub(crate) item: &'a [u8],
}

impl Database {
    /// The number and place of a range's rows; `None` without rows. Reads only an index.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn rows_of_range(
        &self,
        vat_id: &[u8],
        range: Range<i64>,
    ) -> Result<Option<RowsOfRange>> {
        self.peek_row(
            "SELECT COUNT(*), MIN(rowid), MAX(rowid) FROM transcriptItems
             WHERE vatID = ? AND position >= ? AND position < ?",
            params![SqlText(vat_id), range.start, range.end],
            |row| {
                let count = row.get(0)?;
                if count == 0 {
                    return Ok(None);
                }
                let (first, last) = (row.get(1)?, row.get(2)?);
                Ok(Some(RowsOfRange { count, first, last }))
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
}
