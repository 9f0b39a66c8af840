//! The spans of a store, and how their items are stored.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Row;
use serde::Serialize;

use crate::store::database::Database;
use crate::store::database::compressed_items::frames;
use crate::store::encoding::wtf8;
use crate::store::error::Result;
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::{Monitor, Stage};

/// How the items of a span are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As rows, or partly as rows and partly compressed.
    Rows,
    Compressed,
    /// Not at all.
    Pruned,
    /// Some are missing.
    Partial,
}

/// A span, and how its items are stored.
#[derive(Debug)]
pub(super) struct MeasuredSpan {
    pub(super) record: SpanRecord,
    pub(super) form: Form,
}

impl MeasuredSpan {
    /// The number of its items, whether stored or pruned.
    pub(super) fn length(&self) -> i64 {
        let SpanRecord {
            start_pos, end_pos, ..
        } = self.record;
        end_pos.saturating_sub(start_pos).max(0)
    }

    /// Whether all of its items are stored.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.form, Form::Rows | Form::Compressed)
    }
}

/// Numbers for the forms of spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct SpansByForm {
    /// Current spans.
    pub current: i64,
    /// Historical spans whose items are rows, at least some of them.
    pub rows: i64,
    /// Historical spans whose items are compressed.
    pub compressed: i64,
    /// Historical spans without items.
    pub pruned: i64,
    /// Historical spans without some of their items.
    pub partial: i64,
}

impl SpansByForm {
    /// The sums of a number of each span.
    pub(super) fn of(spans: &[MeasuredSpan], number: impl Fn(&MeasuredSpan) -> i64) -> SpansByForm {
        let mut sums = SpansByForm::default();
        for span in spans {
            let sum = match span.form {
                _ if span.record.is_current => &mut sums.current,
                Form::Rows => &mut sums.rows,
                Form::Compressed => &mut sums.compressed,
                Form::Pruned => &mut sums.pruned,
                Form::Partial => &mut sums.partial,
            };
            *sum = sum.saturating_add(number(span));
        }
        sums
    }
}

/// Whether rows and frames have the first and the last item of a span.
fn form(is_empty: bool, rows: [bool; 2], frames: [bool; 2]) -> Form {
    match [rows[0] || frames[0], rows[1] || frames[1]] {
        _ if is_empty => Form::Rows,
        [true, true] if rows == [false, false] => Form::Compressed,
        [true, true] => Form::Rows,
        [false, false] => Form::Pruned,
        _ => Form::Partial,
    }
}

/// The frames that count, by vat: pairs of a start and an end position, in order.
type Frames = HashMap<Vec<u8>, Vec<(i64, i64)>>;

fn read_frames(db: &Database) -> Result<Frames> {
    let mut found = Frames::new();
    if !db.has_compressed_items()? {
        return Ok(found);
    }
    let place = |row: &Row<'_>| {
        let vat_id = wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned();
        // A stale frame may have bounds of any type.
        let counts: bool = row.get(3)?;
        counts
            .then(|| Ok((vat_id, row.get(1)?, row.get(2)?)))
            .transpose()
    };
    for (vat_id, start_pos, end_pos) in db
        .peek_rows(&frames::all_sql(), [], place)?
        .into_iter()
        .flatten()
    {
        found.entry(vat_id).or_default().push((start_pos, end_pos));
    }
    Ok(found)
}

/// Whether a frame has the item at a position.
fn has_item(frames: &[(i64, i64)], position: i64) -> bool {
    let after = frames.partition_point(|(start_pos, _)| *start_pos <= position);
    let last = after.checked_sub(1).map(|last| frames[last]);
    last.is_some_and(|(_, end_pos)| position < end_pos)
}

/// Reads all spans, in the order of vats and positions.
///
/// # Errors
/// SQLite's errors; [`Error::Aborted`](crate::store::error::Error::Aborted).
pub(super) fn measure(db: &Database, monitor: &Monitor) -> Result<Vec<MeasuredSpan>> {
    monitor.begin(Stage::Working);
    let frames = read_frames(db)?;
    monitor.check()?;
    let spans = db.peek_rows(
        "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation,
           EXISTS (SELECT 1 FROM transcriptItems i
             WHERE i.vatID = s.vatID AND i.position = s.startPos),
           EXISTS (SELECT 1 FROM transcriptItems i
             WHERE i.vatID = s.vatID AND i.position = s.endPos - 1)
         FROM transcriptSpans s ORDER BY vatID, startPos",
        [],
        |row| {
            let record = SpanRecord::from_row(row)?;
            let rows = [row.get(6)?, row.get(7)?];
            let of_vat = frames.get(&record.vat_id).map_or(&[][..], Vec::as_slice);
            let last = record.end_pos.saturating_sub(1);
            let in_frames = [record.start_pos, last].map(|position| has_item(of_vat, position));
            let is_empty = record.end_pos <= record.start_pos;
            Ok(MeasuredSpan {
                form: form(is_empty, rows, in_frames),
                record,
            })
        },
    )?;
    monitor.check()?;
    Ok(spans)
}

/// The spans of each vat.
pub(super) fn by_vat(spans: &[MeasuredSpan]) -> impl Iterator<Item = &[MeasuredSpan]> {
    spans.chunk_by(|one, next| one.record.vat_id == next.record.vat_id)
}

fn for_each_vat(
    spans: &[MeasuredSpan],
    number: impl Fn(&[MeasuredSpan]) -> Option<i64>,
) -> BTreeMap<String, i64> {
    let of_vat = |of_vat: &[MeasuredSpan]| {
        let vat_id = String::from_utf8_lossy(&of_vat.first()?.record.vat_id).into_owned();
        Some((vat_id, number(of_vat)?))
    };
    by_vat(spans).filter_map(of_vat).collect()
}

/// For each vat, the end position of its transcript.
pub(super) fn end_positions(spans: &[MeasuredSpan]) -> BTreeMap<String, i64> {
    for_each_vat(spans, |of_vat| Some(of_vat.last()?.record.end_pos))
}

/// For each vat, the oldest position from which all items are stored. That of a vat whose last span
/// lacks items is the end position.
pub(super) fn oldest_positions(spans: &[MeasuredSpan]) -> BTreeMap<String, i64> {
    for_each_vat(spans, |of_vat| {
        let mut oldest = of_vat.last()?.record.end_pos;
        for span in of_vat.iter().rev() {
            if !span.is_complete() || span.record.end_pos != oldest {
                break;
            }
            oldest = span.record.start_pos;
        }
        Some(oldest)
    })
}

/// For each vat with a current span, the number of its items.
pub(super) fn current_items(spans: &[MeasuredSpan]) -> BTreeMap<String, i64> {
    for_each_vat(spans, |of_vat| {
        let current = of_vat.iter().find(|span| span.record.is_current)?;
        Some(current.length())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_span_tell_how_it_is_stored() {
        let (none, all) = ([false, false], [true, true]);
        for (rows, frames, expected) in [
            (all, none, Form::Rows),
            (none, all, Form::Compressed),
            (all, all, Form::Rows),
            ([true, false], [false, true], Form::Rows),
            (none, none, Form::Pruned),
            ([false, true], none, Form::Partial),
            (none, [true, false], Form::Partial),
        ] {
            assert_eq!(form(false, rows, frames), expected, "{rows:?} {frames:?}");
        }
        assert_eq!(form(true, none, none), Form::Rows);
    }

    #[test]
    fn a_position_is_looked_up_in_frames() {
        let frames = [(0, 3), (5, 6)];
        let found = [-1, 0, 2, 3, 4, 5, 6].map(|position| has_item(&frames, position));
        assert_eq!(found, [false, true, true, false, false, true, false]);
        assert!(!has_item(&[], 0));
    }

    fn span(
        vat_id: &[u8],
        range: std::ops::Range<i64>,
        is_current: bool,
        form: Form,
    ) -> MeasuredSpan {
        MeasuredSpan {
            record: SpanRecord {
                vat_id: vat_id.to_vec(),
                start_pos: range.start,
                end_pos: range.end,
                hash: Vec::new(),
                is_current,
                incarnation: 0,
            },
            form,
        }
    }

    #[test]
    fn the_oldest_position_is_after_the_last_gap() {
        let spans = [
            span(b"v1", 0..4, false, Form::Rows),
            span(b"v1", 4..8, false, Form::Pruned),
            span(b"v1", 8..9, false, Form::Compressed),
            span(b"v1", 9..12, true, Form::Rows),
            span(b"v2", 0..5, false, Form::Partial),
        ];
        let of = |pairs: &[(&str, i64)]| -> BTreeMap<String, i64> {
            pairs
                .iter()
                .map(|(vat, at)| ((*vat).to_owned(), *at))
                .collect()
        };
        assert_eq!(oldest_positions(&spans), of(&[("v1", 8), ("v2", 5)]));
        assert_eq!(end_positions(&spans), of(&[("v1", 12), ("v2", 5)]));
        assert_eq!(current_items(&spans), of(&[("v1", 3)]));
        let items = SpansByForm::of(&spans, MeasuredSpan::length);
        let expected = SpansByForm {
            current: 3,
            rows: 4,
            compressed: 1,
            pruned: 4,
            partial: 5,
        };
        assert_eq!(items, expected);
    }
}
