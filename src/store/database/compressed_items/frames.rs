//! Finds and reads the frames of compressed items, on any connection.

use std::ops::Range;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::frame::Frame;
use crate::store::database::sql_text::SqlText;
use crate::store::error::{Error, Result};

/// The condition under which the frame `f` counts, given the span `s` with its vat and start.
const COUNTS: &str = "typeof(f.startPos) = 'integer' AND typeof(f.endPos) = 'integer'
     AND s.isCurrent IS NULL AND s.hash = lower(hex(f.spanHash))
     AND s.startPos <= f.startPos AND f.startPos < f.endPos AND f.endPos <= s.endPos";

/// The frames of a vat that overlap a range: all that start in it, and the last one that starts
/// before it. Frames do not overlap each other.
const OF_RANGE: &str = "f.vatID = ?1 AND f.startPos < ?3 AND f.endPos > ?2
     AND f.startPos >= ifnull((SELECT g.startPos FROM compressedItems g
       WHERE g.vatID = ?1 AND g.startPos <= ?2 ORDER BY g.startPos DESC LIMIT 1), ?2)";

/// The place of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FramePlace {
    pub(crate) row: i64,
    pub(crate) start_pos: i64,
    /// The end position, exclusive.
    pub(crate) end_pos: i64,
    /// The incarnation of its span; `None` if the span has none, or the frame is stale.
    pub(crate) incarnation: Option<i64>,
    /// Whether the frame counts: it is not stale.
    pub(crate) counts: bool,
}

/// Whether the table exists.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn exist(connection: &Connection) -> Result<bool> {
    // A statement on a missing table cannot be cached, and preparing it takes several times as long.
    // SQLite ignores the case of names.
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM sqlite_schema
         WHERE type = 'table' AND name = 'compressedItems' COLLATE NOCASE",
    )?;
    if !statement.exists([])? {
        return Ok(false);
    }
    match connection.prepare_cached(&frames_sql()).map(drop) {
        Ok(()) => Ok(true),
        Err(error) => match Error::from(error) {
            // The table is another program's, with other columns.
            Error::Sqlite {
                code: "SQLITE_ERROR",
                ..
            } => Ok(false),
            error => Err(error),
        },
    }
}

/// The frames that count and overlap a range of positions, in order.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn find(
    connection: &Connection,
    vat_id: &[u8],
    range: Range<i64>,
) -> Result<Vec<FramePlace>> {
    places(connection, &frames_sql(), vat_id, range)
}

/// All frames that overlap a range of positions, including stale ones.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn find_all(
    connection: &Connection,
    vat_id: &[u8],
    range: Range<i64>,
) -> Result<Vec<FramePlace>> {
    // The bounds of a stale frame may have any type.
    let sql = format!(
        "SELECT f.rowid, CAST(f.startPos AS INTEGER), CAST(f.endPos AS INTEGER), s.incarnation,
           s.vatID IS NOT NULL
         FROM compressedItems f
         LEFT JOIN transcriptSpans s
           ON s.vatID = f.vatID AND s.startPos = f.spanStart AND {COUNTS}
         WHERE {OF_RANGE} ORDER BY f.startPos"
    );
    places(connection, &sql, vat_id, range)
}

fn places(
    connection: &Connection,
    sql: &str,
    vat_id: &[u8],
    range: Range<i64>,
) -> Result<Vec<FramePlace>> {
    if !exist(connection)? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(sql)?;
    let range = params![SqlText(vat_id), range.start, range.end];
    let places = statement.query_map(range, place)?;
    Ok(places.collect::<rusqlite::Result<_>>()?)
}

/// Reads a frame.
///
/// # Errors
/// [`Error::BadFrame`]; SQLite's errors.
pub(crate) fn read(connection: &Connection, vat_id: &[u8], place: &FramePlace) -> Result<Frame> {
    let count = place.end_pos.saturating_sub(place.start_pos);
    let mut statement = connection
        .prepare_cached("SELECT frame, itemBytes FROM compressedItems WHERE rowid = ?")?;
    let mut rows = statement.query([place.row])?;
    let frame = match rows.next()? {
        None => Err("its row is missing".into()),
        Some(row) => match (row.get_ref(0)?, row.get_ref(1)?) {
            (ValueRef::Blob(frame), bytes) => Frame::read(frame, count).and_then(|frame| {
                let found = i64::try_from(frame.bytes()).unwrap_or(i64::MAX);
                if bytes == ValueRef::Integer(found) {
                    Ok(frame)
                } else {
                    Err(format!(
                        "it has {found} bytes of items, and its row says another number"
                    ))
                }
            }),
            _ => Err("it is not a blob".into()),
        },
    };
    frame.map_err(|problem| Error::BadFrame {
        vat_id: vat_id.to_vec(),
        start_pos: place.start_pos,
        end_pos: place.end_pos,
        problem,
    })
}

/// A query for all frames: vat, start, end, and whether the frame counts.
pub(crate) fn all_sql() -> String {
    format!(
        "SELECT f.vatID, f.startPos, f.endPos, s.vatID IS NOT NULL FROM compressedItems f
         LEFT JOIN transcriptSpans s
           ON s.vatID = f.vatID AND s.startPos = f.spanStart AND {COUNTS}
         ORDER BY f.vatID, f.startPos"
    )
}

fn frames_sql() -> String {
    format!(
        "SELECT f.rowid, f.startPos, f.endPos, s.incarnation, 1 FROM compressedItems f
         JOIN transcriptSpans s ON s.vatID = f.vatID AND s.startPos = f.spanStart
         WHERE {OF_RANGE} AND {COUNTS} ORDER BY f.startPos"
    )
}

/// The rowids of stale frames.
pub(super) fn stale_sql() -> String {
    format!(
        "SELECT f.rowid FROM compressedItems f WHERE NOT EXISTS (
           SELECT 1 FROM transcriptSpans s
           WHERE s.vatID = f.vatID AND s.startPos = f.spanStart AND {COUNTS})"
    )
}

fn place(row: &rusqlite::Row<'_>) -> rusqlite::Result<FramePlace> {
    Ok(FramePlace {
        row: row.get(0)?,
        start_pos: row.get(1)?,
        end_pos: row.get(2)?,
        incarnation: row.get(3)?,
        counts: row.get(4)?,
    })
}
