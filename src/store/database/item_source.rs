//! Reads transcript items for span readers.

use rusqlite::{Connection, params};

use super::sql_text::SqlText;
use crate::store::error::Result;

/// A database that span readers read items from.
pub(crate) trait ItemSource {
    /// Passes the items of a vat from `start_pos` to `end_pos` (exclusive) to `take`, in order,
    /// until it returns false. Returns whether all were passed.
    ///
    /// # Errors
    /// SQLite's errors.
    fn read_items(
        &self,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
        take: &mut dyn FnMut(i64, &[u8]) -> bool,
    ) -> Result<bool>;
}

/// Like [`ItemSource::read_items`], from a connection.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn read_items(
    connection: &Connection,
    vat_id: &[u8],
    start_pos: i64,
    end_pos: i64,
    take: &mut dyn FnMut(i64, &[u8]) -> bool,
) -> Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT position, item FROM transcriptItems
         WHERE vatID = ? AND ? <= position AND position < ?
         ORDER BY position",
    )?;
    let mut rows = statement.query(params![SqlText(vat_id), start_pos, end_pos])?;
    while let Some(row) = rows.next()? {
        let position = row.get(0)?;
        if !take(position, row.get_ref(1)?.as_bytes()?) {
            return Ok(false);
        }
    }
    Ok(true)
}
