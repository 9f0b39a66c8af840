//! Checks that each heap snapshot matches its hash and sizes.

use rusqlite::params;

use super::check::{Check, MAX_POSITION, bad_mark, check_id, integer, is_hash, mark, text};
use super::elsewhere::Found;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::remedy::RESTORE;
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Error, Result};
use crate::store::gzip::Decompressor;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::transfer::history_source::Wanted;

/// A snapshot whose contents have to be checked.
pub(super) struct SnapshotJob {
    row: i64,
    vat_id: Vec<u8>,
    snap_pos: i64,
    hash: Vec<u8>,
    uncompressed_size: Option<i64>,
    compressed_size: Option<i64>,
}

/// Checks all records, and sends those that have contents.
pub(super) fn walk(
    check: &Check<'_>,
    db: &Database,
    send: &mut dyn FnMut(SnapshotJob) -> Result<()>,
) -> Result<()> {
    let mut statement = db.connection()?.prepare(
        "SELECT rowid, vatID, snapPos, inUse, hash, uncompressedSize, compressedSize,
                compressedSnapshot IS NULL
         FROM snapshots ORDER BY vatID, snapPos",
    )?;
    let mut rows = statement.query([])?;
    let mut vat_id = None;
    // How many snapshots of the vat are in use.
    let mut in_use = 0;
    while let Some(row) = rows.next()? {
        check.go_on()?;
        check.count(|totals| totals.snapshots.total += 1);
        let columns = (
            text(row.get_ref(1)?),
            integer(row.get_ref(2)?),
            text(row.get_ref(4)?),
        );
        let (Some(vat), Some(snap_pos), Some(hash)) = columns else {
            report_types(check, row)?;
            check.monitor.finish_piece();
            continue;
        };
        if vat_id.as_deref() != Some(vat) {
            check_id(check, "vat ID", vat, StoreTable::Snapshots);
            vat_id = Some(vat.to_vec());
            in_use = 0;
        }
        let about = |kind, message: String| {
            place(
                Finding::new(kind, StoreTable::Snapshots, message),
                vat,
                snap_pos,
            )
        };
        if !(0..=MAX_POSITION).contains(&snap_pos) {
            let wanted = "a position";
            check.bad_value(
                StoreTable::Snapshots,
                "snapPos",
                row.get_ref(2)?,
                wanted,
                |finding| place(finding, vat, snap_pos),
            );
        }
        let marked = mark(row.get_ref(3)?);
        if marked.is_none() {
            let finding = bad_mark(StoreTable::Snapshots, "inUse", row.get_ref(3)?);
            check.add(place(finding, vat, snap_pos));
        }
        let marked = marked.unwrap_or(false);
        if marked {
            in_use += 1;
            if in_use == 2 {
                let message = format!(
                    "vat {} has more than one snapshot in use; a kernel would load an arbitrary \
                     one. {RESTORE}",
                    brief(vat)
                );
                check.add(about(FindingKind::SnapshotInUseTwice, message));
            }
            if check.has(StoreTable::Spans) && !has_current_span(db, vat)? {
                let message = format!(
                    "a snapshot of vat {} is in use, but the vat has no current span that loads \
                     it. {RESTORE}",
                    brief(vat)
                );
                check.add(about(FindingKind::SnapshotUnmatched, message));
            }
        }
        if !row.get::<_, bool>(7)? {
            send(SnapshotJob {
                row: row.get(0)?,
                vat_id: vat.to_vec(),
                snap_pos,
                hash: hash.to_vec(),
                uncompressed_size: integer(row.get_ref(5)?),
                compressed_size: integer(row.get_ref(6)?),
            })?;
            continue;
        }
        check.count(|totals| totals.snapshots.pruned += 1);
        if !is_hash(hash) {
            let wanted = "64 hexadecimal digits";
            check.bad_value(
                StoreTable::Snapshots,
                "hash",
                row.get_ref(4)?,
                wanted,
                |finding| place(finding, vat, snap_pos),
            );
        }
        let is_needed = marked && check.mode != ArtifactMode::Debug;
        let is_nowhere = is_needed && {
            let wanted = Wanted::Snapshot {
                name: names::snapshot_name(vat, snap_pos),
                hash: hash.to_vec(),
                size: None,
            };
            let about = |finding| place(finding, vat, snap_pos);
            check.look_elsewhere(&wanted, StoreTable::Snapshots, about)? == Found::Nothing
        };
        if is_nowhere {
            let message = format!(
                "the snapshot in use of vat {} has no contents{}, so the vat cannot be \
                 loaded. {}",
                brief(vat),
                check.nor_elsewhere(),
                check.remedies.fill()
            );
            check.add(about(FindingKind::SnapshotPruned, message));
        }
        check.monitor.finish_piece();
    }
    Ok(())
}

fn place(finding: Finding, vat_id: &[u8], snap_pos: i64) -> Finding {
    let finding = finding.of(vat_id).at(snap_pos);
    finding.artifact(names::snapshot_name(vat_id, snap_pos))
}

/// Adds a finding for each column that makes a row unusable.
fn report_types(check: &Check<'_>, row: &rusqlite::Row<'_>) -> Result<()> {
    let vat_id = text(row.get_ref(1)?).unwrap_or_default().to_vec();
    let number: i64 = row.get(0)?;
    for (index, column, is_right, wanted) in [
        (1, "vatID", text(row.get_ref(1)?).is_some(), "a text"),
        (
            2,
            "snapPos",
            integer(row.get_ref(2)?).is_some(),
            "a whole number",
        ),
        (4, "hash", text(row.get_ref(4)?).is_some(), "a text"),
    ] {
        if !is_right {
            let column = format!("in row {number}, {column}");
            let found = row.get_ref(index)?;
            check.bad_value(StoreTable::Snapshots, &column, found, wanted, |finding| {
                finding.of(&vat_id)
            });
        }
    }
    Ok(())
}

fn has_current_span(db: &Database, vat_id: &[u8]) -> Result<bool> {
    let found: Option<i64> = db.peek_value(
        "SELECT 1 FROM transcriptSpans WHERE vatID = ? AND isCurrent = 1",
        params![SqlText(vat_id)],
    )?;
    Ok(found.is_some())
}

/// Checks a snapshot's contents.
pub(super) fn check_snapshot(check: &Check<'_>, db: &Database, job: &SnapshotJob) -> Result<()> {
    let outcome = check_contents(check, db, job);
    check.tolerate(
        outcome,
        |finding| place(finding, &job.vat_id, job.snap_pos),
        StoreTable::Snapshots,
    )?;
    check.monitor.finish_piece();
    Ok(())
}

fn check_contents(check: &Check<'_>, db: &Database, job: &SnapshotJob) -> Result<()> {
    let add = |kind, message: String| {
        let finding = Finding::new(kind, StoreTable::Snapshots, message);
        check.add(place(finding, &job.vat_id, job.snap_pos));
    };
    let compressed = {
        let mut statement =
            db.prepare_directly("SELECT compressedSnapshot FROM snapshots WHERE rowid = ?")?;
        let mut rows = statement.query([job.row])?;
        let Some(row) = rows.next()? else {
            return Ok(());
        };
        match row.get_ref(0)? {
            rusqlite::types::ValueRef::Blob(bytes) => bytes.to_vec(),
            other => {
                let place = |finding| place(finding, &job.vat_id, job.snap_pos);
                check.bad_contents(
                    StoreTable::Snapshots,
                    "compressedSnapshot",
                    other,
                    "a blob",
                    &check.remedies.replace(),
                    place,
                );
                return Ok(());
            }
        }
    };
    let compressed_size = compressed.len() as i64;
    let mut image = Decompressor::strict(compressed);
    let mut hash = Sha256::new();
    let mut size = 0;
    loop {
        match image.next_chunk() {
            Ok(Some(chunk)) => {
                hash.add(&chunk);
                size += chunk.len() as i64;
                check.monitor.count(chunk.len())?;
                check.go_on()?;
            }
            Ok(None) => break,
            Err(Error::BadGzip(problem)) => {
                add(
                    FindingKind::SnapshotGzip,
                    format!(
                        "the snapshot cannot be decompressed: {problem} (after {size} bytes of \
                         the image). {IF_IN_USE} {}",
                        check.remedies.replace()
                    ),
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    check.count(|totals| {
        totals.snapshots.checked += 1;
        totals.snapshots.bytes += size as u64;
    });
    let actual = hash.finish();
    if actual.as_bytes() != job.hash {
        add(
            FindingKind::SnapshotHash,
            format!(
                "the image has the hash {actual}, but the record says {}. {IF_IN_USE} {}",
                brief(&job.hash),
                check.remedies.replace()
            ),
        );
        return Ok(());
    }
    for (column, recorded, actual) in [
        ("uncompressedSize", job.uncompressed_size, size),
        ("compressedSize", job.compressed_size, compressed_size),
    ] {
        if recorded != Some(actual) {
            let recorded = recorded.map_or("no number".into(), |recorded| recorded.to_string());
            add(
                FindingKind::SnapshotSize,
                format!(
                    "{column} is {recorded}, and should be {actual}. The image is intact; only \
                     statistics are wrong. {}",
                    check.remedies.replace()
                ),
            );
        }
    }
    Ok(())
}

const IF_IN_USE: &str = "If it is in use, the vat cannot be loaded.";
