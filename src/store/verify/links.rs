//! Checks that spans match snapshots: the first entry of a span that continues from a snapshot
//! names the snapshot's hash.
//!
//! The kernel records a snapshot at the position of the last delivery in it, one before the span
//! that loads it. Other programs use the span's first position. Both are valid.

use rusqlite::params;

use super::check::{Check, integer, text};
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::span_job::{SpanJob, place};
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::records::names;
use crate::store::substores::delivery::{Delivery, LOAD_SNAPSHOT};

/// The longest entry that can load a snapshot, in bytes. Real ones are much shorter.
const MOST_BYTES: usize = 64 << 10;

/// The first entry of a span.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LinkEntry {
    /// Loads the snapshot with this hash.
    Load(Vec<u8>),
    /// Any other entry of the kernel.
    Other,
    /// Missing, or nothing that a kernel writes.
    Unknown,
}

impl LinkEntry {
    pub(super) fn of(item: &[u8]) -> LinkEntry {
        if item.len() > MOST_BYTES {
            // The first entry of an incarnation can be this long.
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

/// Checks that a span and the snapshots of its vat match.
pub(super) fn check(
    check: &Check<'_>,
    db: &Database,
    span: &SpanJob,
    first: &LinkEntry,
) -> Result<()> {
    if !check.has(StoreTable::Snapshots) {
        return Ok(());
    }
    let outcome = if span.is_current {
        check_current(check, db, span, first)
    } else {
        check_historical(check, db, span, first)
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
    let in_use = snapshots(
        db,
        "SELECT snapPos, hash FROM snapshots WHERE vatID = ?1 AND inUse = 1
         ORDER BY snapPos LIMIT 2",
        span,
    )?;
    let vat = brief(&span.vat_id);
    match (first, &in_use[..]) {
        // More than one snapshot in use has its own finding.
        (_, [_, _, ..]) | (LinkEntry::Other | LinkEntry::Unknown, []) => {}
        (LinkEntry::Load(hash), []) => add_unmatched(
            check,
            span,
            format!(
                "the current span of vat {vat} loads the snapshot {}, but the vat has no snapshot \
                 in use",
                brief(hash)
            ),
        ),
        (LinkEntry::Load(wanted), [(snap_pos, hash)]) => {
            if wanted != hash || !is_at(*snap_pos, span) {
                add_unmatched(
                    check,
                    span,
                    format!(
                        "the current span of vat {vat}, which starts at {}, loads the snapshot {}, \
                         but the snapshot in use is {} at position {snap_pos}",
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
                "a snapshot of vat {vat} is in use, but the vat's current span, which starts at \
                 {}, does not load it",
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
                        "the snapshot in use of vat {vat} is at position {snap_pos}, but the \
                         vat's current span starts at {}",
                        span.start_pos
                    ),
                );
            }
        }
    }
    Ok(())
}

/// A historical snapshot's record may have been deleted. If it exists, its hash must be the one
/// that the span loads.
fn check_historical(
    check: &Check<'_>,
    db: &Database,
    span: &SpanJob,
    first: &LinkEntry,
) -> Result<()> {
    let LinkEntry::Load(wanted) = first else {
        return Ok(());
    };
    let found = snapshots(
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
                "the span of vat {}, which starts at {}, loads the snapshot {}, but the snapshot at \
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

fn snapshots(db: &Database, sql: &str, span: &SpanJob) -> Result<Vec<SnapshotKey>> {
    let mut statement = db.prepare_directly(sql)?;
    let mut rows = if span.is_current {
        statement.query(params![SqlText(&span.vat_id)])?
    } else {
        statement.query(params![SqlText(&span.vat_id), span.start_pos])?
    };
    let mut snapshots = Vec::new();
    while let Some(row) = rows.next()? {
        // A wrong type has its own finding.
        if let (Some(position), Some(hash)) = (integer(row.get_ref(0)?), text(row.get_ref(1)?)) {
            snapshots.push((position, hash.to_vec()));
        }
    }
    Ok(snapshots)
}

fn is_at(snap_pos: i64, span: &SpanJob) -> bool {
    snap_pos == span.start_pos || Some(snap_pos) == span.start_pos.checked_sub(1)
}

const CONSEQUENCE: &str = "The kernel would continue from a wrong state; restore the store";

fn add_unmatched(check: &Check<'_>, span: &SpanJob, message: String) {
    let finding = Finding::new(
        FindingKind::LoadUnmatched,
        StoreTable::Spans,
        format!("{message}. {CONSEQUENCE}"),
    );
    check.add(place(finding, &span.vat_id, span.start_pos, span.end_pos));
}

fn add_unused(check: &Check<'_>, span: &SpanJob, snap_pos: i64, message: String) {
    let message = format!("{message}. {CONSEQUENCE}");
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
    fn entries_of_the_kernel_are_recognized() {
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
