//! What ties spans to snapshots: a span that goes on from a snapshot begins with an entry that
//! says so, with the snapshot's hash.
//!
//! The kernel takes for a snapshot's position that of the last delivery in it, one before the
//! span that loads it. Other programs take that span's first position. Either is right.

use rusqlite::params;

use super::check::{Check, integer, text};
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::span::SpanJob;
use super::transcripts::place;
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::records::names;
use crate::store::substores::delivery::{Delivery, LOAD_SNAPSHOT};

/// No entry that loads a snapshot is nearly as long.
const MOST_BYTES: usize = 64 << 10;

/// What a span begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LinkEntry {
    /// The kernel's entry that loads the snapshot of this hash.
    Load(Vec<u8>),
    /// Another entry of the kernel.
    Other,
    /// Nothing that is there, or nothing that a kernel writes.
    Unknown,
}

impl LinkEntry {
    pub(super) fn of(item: &[u8]) -> LinkEntry {
        if item.len() > MOST_BYTES {
            // As some entries are that begin an incarnation.
            return LinkEntry::Other;
        }
        match Delivery::parse(item) {
            Ok(delivery) if delivery.kind() == LOAD_SNAPSHOT => {
                LinkEntry::Load(delivery.snapshot_id().unwrap_or_default().to_vec())
            }
            Ok(_) => LinkEntry::Other,
            Err(_) => LinkEntry::Unknown,
        }
    }
}

/// A snapshot's position and hash.
type SnapshotKey = (i64, Vec<u8>);

/// Looks whether a span and the snapshots of its vat go together.
pub(super) fn check(
    check: &Check<'_>,
    db: &Database,
    span: &SpanJob,
    first: &LinkEntry,
) -> Result<()> {
    if !check.has(StoreTable::Snapshots) {
        return Ok(());
    }
    let outcome = match span.is_current {
        true => check_current(check, db, span, first),
        false => check_historical(check, db, span, first),
    };
    let about = |finding: Finding| finding.of(&span.vat_id);
    check.tolerate(outcome, about, StoreTable::Snapshots)?;
    Ok(())
}

fn check_current(
    check: &Check<'_>,
    db: &Database,
    span: &SpanJob,
    first: &LinkEntry,
) -> Result<()> {
    let in_use = places(
        db,
        "SELECT snapPos, hash FROM snapshots WHERE vatID = ?1 AND inUse = 1
         ORDER BY snapPos LIMIT 2",
        span,
    )?;
    let vat = brief(&span.vat_id);
    match (first, &in_use[..]) {
        // More than one in use is a finding by itself.
        (_, [_, _, ..]) | (LinkEntry::Other | LinkEntry::Unknown, []) => {}
        (LinkEntry::Load(hash), []) => add_unmatched(
            check,
            span,
            format!(
                "the current span of vat {vat} goes on from the snapshot {}, but no snapshot of \
                 the vat is in use",
                brief(hash)
            ),
        ),
        (LinkEntry::Load(wanted), [(snap_pos, hash)]) => {
            if wanted != hash || !is_at(*snap_pos, span) {
                add_unmatched(
                    check,
                    span,
                    format!(
                        "the current span of vat {vat}, which begins at {}, goes on from the \
                         snapshot {}, but the one in use is {}, of position {snap_pos}",
                        span.start_pos,
                        brief(wanted),
                        brief(hash)
                    ),
                );
            }
        }
        (LinkEntry::Other, [(snap_pos, _)]) => add_unused(
            check,
            span,
            *snap_pos,
            format!(
                "a snapshot of vat {vat} is in use, but the vat's current span, which begins at \
                 {}, does not go on from it",
                span.start_pos
            ),
        ),
        (LinkEntry::Unknown, [(snap_pos, _)]) => {
            if !is_at(*snap_pos, span) {
                add_unused(
                    check,
                    span,
                    *snap_pos,
                    format!(
                        "the snapshot of vat {vat} in use is of position {snap_pos}, but the \
                         vat's current span begins at {}",
                        span.start_pos
                    ),
                );
            }
        }
    }
    Ok(())
}

/// A historical snapshot may have been deleted with its record. Where there is a record, it has
/// the hash that the span begins with.
fn check_historical(
    check: &Check<'_>,
    db: &Database,
    span: &SpanJob,
    first: &LinkEntry,
) -> Result<()> {
    let LinkEntry::Load(wanted) = first else {
        return Ok(());
    };
    let found = places(
        db,
        "SELECT snapPos, hash FROM snapshots WHERE vatID = ?1 AND snapPos IN (?2 - 1, ?2)
         ORDER BY snapPos",
        span,
    )?;
    if let Some((snap_pos, hash)) = found.first()
        && found.iter().all(|(_, hash)| hash != wanted)
    {
        add_unmatched(
            check,
            span,
            format!(
                "the span of vat {}, which begins at {}, goes on from the snapshot {}, but that of \
                 position {snap_pos} is {}",
                brief(&span.vat_id),
                span.start_pos,
                brief(wanted),
                brief(hash)
            ),
        );
    }
    Ok(())
}

fn places(db: &Database, sql: &str, span: &SpanJob) -> Result<Vec<SnapshotKey>> {
    let mut statement = db.prepare_directly(sql)?;
    let mut rows = match span.is_current {
        true => statement.query(params![SqlText(&span.vat_id)])?,
        false => statement.query(params![SqlText(&span.vat_id), span.start_pos])?,
    };
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        // What is of the wrong type has its own finding.
        if let (Some(position), Some(hash)) = (integer(row.get_ref(0)?), text(row.get_ref(1)?)) {
            places.push((position, hash.to_vec()));
        }
    }
    Ok(places)
}

fn is_at(snap_pos: i64, span: &SpanJob) -> bool {
    snap_pos == span.start_pos || Some(snap_pos) == span.start_pos.checked_sub(1)
}

const ADVICE: &str = "The kernel would go on from another state than it was in; restore the store";

fn add_unmatched(check: &Check<'_>, span: &SpanJob, message: String) {
    let finding = Finding::new(
        FindingKind::LoadUnmatched,
        StoreTable::Spans,
        format!("{message}. {ADVICE}"),
    );
    check.add(place(finding, &span.vat_id, span.start_pos, span.end_pos));
}

fn add_unused(check: &Check<'_>, span: &SpanJob, snap_pos: i64, message: String) {
    let message = format!("{message}. {ADVICE}");
    let finding = Finding::new(
        FindingKind::SnapshotUnmatched,
        StoreTable::Snapshots,
        message,
    );
    let finding = finding.of(&span.vat_id).at(snap_pos);
    check.add(finding.artifact(names::snapshot_name(&span.vat_id, snap_pos)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_kernel_are_told_from_others() {
        for (item, entry) in [
            (
                r#"{"d":["load-snapshot",{"snapshotID":"ab"}],"sc":[]}"#,
                LinkEntry::Load(b"ab".to_vec()),
            ),
            (r#"{"d":["load-snapshot"]}"#, LinkEntry::Load(Vec::new())),
            (r#"{"d":["initialize-worker",{}]}"#, LinkEntry::Other),
            (r#"{"d":[7]}"#, LinkEntry::Unknown),
            (r#"{"d":7}"#, LinkEntry::Unknown),
            ("start-worker", LinkEntry::Unknown),
            ("", LinkEntry::Unknown),
        ] {
            assert_eq!(LinkEntry::of(item.as_bytes()), entry, "{item}");
        }
    }
}
