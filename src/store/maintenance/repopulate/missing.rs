//! Lists the artifacts that a store lacks, or has.

use rusqlite::Row;

use super::target::has_all_items;
use crate::store::database::Database;
use crate::store::database::shared_writer::SharedWriter;
use crate::store::encoding::wtf8;
use crate::store::error::Result;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::Monitor;

/// The names of the artifacts that the mode needs and the store lacks.
///
/// # Errors
/// The errors of [`SharedWriter::read`].
pub(super) fn find(
    writer: &mut SharedWriter,
    mode: ArtifactMode,
    monitor: &Monitor,
) -> Result<Vec<Vec<u8>>> {
    let mut names = writer.read(monitor, |db| snapshots(db, mode))?;
    // Each span has its own read transaction, because a kernel may be running.
    for span in writer.read(monitor, |db| db.spans_of_mode(mode))? {
        let lacks = writer.read(monitor, |db| {
            Ok(!has_all_items(db, &span)?
                && db
                    .span_at(&span.vat_id, span.start_pos)?
                    .is_some_and(|now| now.hash == span.hash))
        })?;
        if lacks {
            names.push(span.artifact_name());
        }
    }
    names.extend(writer.read(monitor, bundles)?);
    Ok(names)
}

/// The names of the artifacts of a mode, present or missing, and of all snapshots and bundles, which
/// may be damaged whatever the mode is.
///
/// # Errors
/// The errors of [`SharedWriter::read`].
pub(super) fn all(
    reader: &mut SharedWriter,
    mode: ArtifactMode,
    monitor: &Monitor,
) -> Result<Vec<Vec<u8>>> {
    let mut names = reader.read(monitor, |db| {
        db.peek_rows(
            "SELECT vatID, snapPos FROM snapshots ORDER BY vatID, snapPos",
            [],
            snapshot,
        )
    })?;
    let spans = reader.read(monitor, |db| db.spans_of_mode(mode))?;
    names.extend(spans.iter().map(SpanRecord::artifact_name));
    names.extend(reader.read(monitor, |db| {
        db.peek_rows("SELECT bundleID FROM bundles ORDER BY bundleID", [], bundle)
    })?);
    Ok(names)
}

fn snapshots(db: &Database, mode: ArtifactMode) -> Result<Vec<Vec<u8>>> {
    let all = mode == ArtifactMode::Debug;
    db.peek_rows(
        "SELECT vatID, snapPos FROM snapshots
         WHERE compressedSnapshot IS NULL AND (? OR inUse = 1) ORDER BY vatID, snapPos",
        [all],
        snapshot,
    )
}

fn bundles(db: &Database) -> Result<Vec<Vec<u8>>> {
    db.peek_rows(
        "SELECT bundleID FROM bundles WHERE bundle IS NULL ORDER BY bundleID",
        [],
        bundle,
    )
}

/// The name of the snapshot in a row of vat ID and position.
fn snapshot(row: &Row<'_>) -> rusqlite::Result<Vec<u8>> {
    let vat_id = wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned();
    Ok(names::snapshot_name(&vat_id, row.get(1)?))
}

/// The name of the bundle in a row of its ID.
fn bundle(row: &Row<'_>) -> rusqlite::Result<Vec<u8>> {
    Ok(names::bundle_name(row.get_ref(0)?.as_bytes()?))
}
