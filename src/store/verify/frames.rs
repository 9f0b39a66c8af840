//! Checks which frames of compressed items count, and that each position has one item.
//!
//! The check of a span reads the frames that count (`span.rs`).

use super::check::{Check, integer, text};
use super::finding::{Finding, FindingKind, StoreTable, brief};
use crate::store::database::Database;
use crate::store::database::compressed_items::frames;
use crate::store::encoding::plural::plural;
use crate::store::error::Result;

/// Adds findings for frames that do not count, and for positions that have several items.
pub(super) fn walk(check: &Check<'_>, db: &Database) -> Result<()> {
    let mut statement = db.connection()?.prepare(&frames::all_sql())?;
    let mut rows = statement.query([])?;
    // The vat and the end position, exclusive, of the frames so far.
    let mut covered: (Vec<u8>, i64) = (Vec::new(), i64::MIN);
    while let Some(row) = rows.next()? {
        check.go_on()?;
        let vat_id = text(row.get_ref(0)?).unwrap_or_default();
        let bounds = (integer(row.get_ref(1)?), integer(row.get_ref(2)?));
        let counts: bool = row.get(3)?;
        let add = |kind, message: String| {
            let finding = Finding::new(kind, StoreTable::CompressedItems, message).of(vat_id);
            check.add(match bounds.0 {
                Some(position) => finding.at(position),
                None => finding,
            });
        };
        let (true, (Some(start), Some(end))) = (counts, bounds) else {
            add(
                FindingKind::FrameStale,
                format!(
                    "compressed items of vat {} belong to no historical span of their hash, and are \
                     never read: a program that does not know compressed items has deleted or \
                     changed the span. Opening the store for writing deletes them",
                    brief(vat_id)
                ),
            );
            continue;
        };
        if covered.0 != vat_id {
            covered = (vat_id.to_vec(), i64::MIN);
        }
        let twice = covered.1.saturating_sub(start).max(0);
        // An interrupted compaction has left rows that are the same as their compressed items.
        let in_rows = db.count_rows_unlike_frame(vat_id, &(start..end))?;
        covered.1 = covered.1.max(end);
        if twice > 0 || in_rows > 0 {
            let what = if in_rows > 0 {
                format!(
                    "{} of them as other rows, too, which count",
                    plural(in_rows, "item")
                )
            } else {
                format!(
                    "{} of them in earlier compressed items, too",
                    plural(twice, "item")
                )
            };
            add(
                FindingKind::FrameOverlap,
                format!(
                    "vat {} has the compressed items {start} to {}, and {what}. {}",
                    brief(vat_id),
                    end.saturating_sub(1),
                    if in_rows > 0 {
                        check.remedies.compact()
                    } else {
                        check.remedies.expand()
                    }
                ),
            );
        }
    }
    Ok(())
}
