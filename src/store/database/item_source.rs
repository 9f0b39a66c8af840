//! Reads transcript items, wherever they are: rows of `transcriptItems`, and compressed frames.

use std::cmp::Ordering;
use std::ops::Range;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::compressed_items::frame::Frame;
use super::compressed_items::frames;
use super::compressed_items::frames::FramePlace;
use super::sql_text::SqlText;
use crate::store::error::{Error, Result};

/// Receives a position, its item, and whether more items of the same frame follow, which are in
/// memory already. Returns whether to continue.
pub(crate) type TakeItem<'a> = &'a mut dyn FnMut(i64, &[u8], bool) -> bool;

/// A database that span readers read items from.
pub(crate) trait ItemSource {
    /// Passes the items of a vat in `range` to `take`, in order, until it returns false. Returns
    /// whether all were passed.
    ///
    /// # Errors
    /// [`Error::BadFrame`]; SQLite's errors.
    fn read_items(&self, vat_id: &[u8], range: Range<i64>, take: TakeItem<'_>) -> Result<bool>;
}

/// An item of a transcript, as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredItem<'a> {
    pub(crate) position: ValueRef<'a>,
    pub(crate) item: ValueRef<'a>,
    pub(crate) incarnation: ValueRef<'a>,
    /// For an item of a frame, the number of items of the frame after this one.
    pub(crate) left_in_frame: Option<usize>,
}

impl<'a> StoredItem<'a> {
    /// An item that is a row, as a store writes it.
    pub(crate) fn row(position: i64, item: &'a [u8], incarnation: i64) -> StoredItem<'a> {
        StoredItem {
            position: ValueRef::Integer(position),
            item: ValueRef::Text(item),
            incarnation: ValueRef::Integer(incarnation),
            left_in_frame: None,
        }
    }

    /// Whether it is more efficient to continue than to stop at this item.
    pub(crate) fn is_within_frame(&self) -> bool {
        self.left_in_frame.is_some_and(|left| left > 0)
    }
}

impl FramePlace {
    /// The item of this frame with this index.
    pub(crate) fn item<'a>(&self, frame: &'a Frame, index: usize) -> StoredItem<'a> {
        let offset = i64::try_from(index).unwrap_or(i64::MAX);
        StoredItem {
            position: ValueRef::Integer(self.start_pos.saturating_add(offset)),
            item: ValueRef::Text(frame.item(index).unwrap_or_default()),
            incarnation: self.incarnation.map_or(ValueRef::Null, ValueRef::Integer),
            left_in_frame: Some(frame.len().saturating_sub(index + 1)),
        }
    }
}

/// Receives items.
pub(crate) trait ItemVisitor {
    /// Receives the next item, and returns whether to continue.
    ///
    /// # Errors
    /// Any error ends the visit.
    fn visit(&mut self, item: StoredItem<'_>) -> Result<bool>;

    /// Called instead for a frame that cannot be read.
    ///
    /// # Errors
    /// The error, unless the visit can continue without these items.
    fn skip_frame(&mut self, place: &FramePlace, error: Error) -> Result<()> {
        let _ = place;
        Err(error)
    }
}

impl<F: FnMut(StoredItem<'_>) -> Result<bool>> ItemVisitor for F {
    fn visit(&mut self, item: StoredItem<'_>) -> Result<bool> {
        self(item)
    }
}

/// How a row's position compares with a position.
fn compare(position: ValueRef<'_>, other: i64) -> Ordering {
    match position {
        ValueRef::Integer(position) => position.cmp(&other),
        ValueRef::Real(position) => position
            .partial_cmp(&(other as f64))
            .unwrap_or(Ordering::Less),
        // Sorts before numbers; text and blobs sort after them.
        ValueRef::Null => Ordering::Less,
        ValueRef::Text(_) | ValueRef::Blob(_) => Ordering::Greater,
    }
}

/// Passes the items from `range.start` to `range.end` (exclusive) to `visitor`, in order, until
/// it returns false. Returns whether all were passed.
///
/// # Errors
/// Those of the visitor; [`Error::BadFrame`]; SQLite's errors.
pub(crate) fn visit_items(
    connection: &Connection,
    vat_id: &[u8],
    range: Range<i64>,
    visitor: &mut impl ItemVisitor,
) -> Result<bool> {
    at_one_commit(connection, || {
        visit_at_one_commit(connection, vat_id, range, visitor)
    })
}

/// Runs queries of a connection that see the same commit. Between two queries outside a transaction,
/// another process might compress or expand the items, so that neither query finds them.
///
/// # Errors
/// Those of `ask`; SQLite's errors.
pub(crate) fn at_one_commit<T>(
    connection: &Connection,
    ask: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if !connection.is_autocommit() {
        return ask();
    }
    // A statement that has not ended keeps its read transaction open.
    let mut statement = connection.prepare_cached("SELECT 1 FROM sqlite_schema")?;
    let mut rows = statement.query([])?;
    rows.next()?;
    ask()
}

fn visit_at_one_commit(
    connection: &Connection,
    vat_id: &[u8],
    range: Range<i64>,
    visitor: &mut impl ItemVisitor,
) -> Result<bool> {
    let frames = frames::find(connection, vat_id, range.clone())?;
    let mut statement = connection.prepare_cached(
        "SELECT position, item, incarnation FROM transcriptItems
         WHERE vatID = ? AND position >= ? AND position < ? ORDER BY position",
    )?;
    let mut rows = statement.query(params![SqlText(vat_id), range.start, range.end])?;
    let mut row = rows.next()?;
    let mut next = range.start;
    for place in &frames {
        let (from, to) = (place.start_pos.max(next), place.end_pos.min(range.end));
        if from >= to {
            continue;
        }
        next = to;
        let mut frame = None;
        let mut position = from;
        loop {
            // Rows up to the next position of the frame.
            while let Some(found) = row {
                let order = compare(found.get_ref(0)?, position);
                if order == Ordering::Greater || position >= to {
                    break;
                }
                if !visitor.visit(row_item(found)?)? {
                    return Ok(false);
                }
                row = rows.next()?;
                if order == Ordering::Equal {
                    position += 1;
                }
            }
            if position >= to {
                break;
            }
            if frame.is_none() {
                match frames::read(connection, vat_id, place) {
                    Ok(read) => frame = Some(read),
                    Err(error @ Error::BadFrame { .. }) => {
                        visitor.skip_frame(place, error)?;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            let Some(frame) = &frame else { break };
            let index = usize::try_from(position.abs_diff(place.start_pos)).unwrap_or(0);
            if !visitor.visit(place.item(frame, index))? {
                return Ok(false);
            }
            position += 1;
        }
    }
    while let Some(found) = row {
        if !visitor.visit(row_item(found)?)? {
            return Ok(false);
        }
        row = rows.next()?;
    }
    Ok(true)
}

/// Like [`ItemSource::read_items`], from a connection.
///
/// # Errors
/// [`Error::BadFrame`]; SQLite's errors.
pub(crate) fn read_items(
    connection: &Connection,
    vat_id: &[u8],
    range: Range<i64>,
    take: TakeItem<'_>,
) -> Result<bool> {
    visit_items(connection, vat_id, range, &mut |item: StoredItem<'_>| {
        let ValueRef::Integer(position) = item.position else {
            let found = item.position.data_type();
            return Err(rusqlite::Error::InvalidColumnType(0, "position".into(), found).into());
        };
        Ok(take(
            position,
            item.item.as_bytes()?,
            item.is_within_frame(),
        ))
    })
}

fn row_item<'a>(row: &'a Row<'_>) -> Result<StoredItem<'a>> {
    Ok(StoredItem {
        position: row.get_ref(0)?,
        item: row.get_ref(1)?,
        incarnation: row.get_ref(2)?,
        left_in_frame: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_see_the_same_commit() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Connection::open(directory.path().join("file")).unwrap();
        let (one, other) = (open(), open());
        one.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (a)")
            .unwrap();
        let count = || {
            one.query_row("SELECT COUNT(*) FROM t", [], |row| row.get::<_, i64>(0))
                .map_err(Error::from)
        };
        let counts = at_one_commit(&one, || {
            let before = count()?;
            other.execute("INSERT INTO t VALUES (1)", [])?;
            Ok((before, count()?))
        });
        assert_eq!(counts.unwrap(), (0, 0));
        assert_eq!(count().unwrap(), 1);
    }
}
