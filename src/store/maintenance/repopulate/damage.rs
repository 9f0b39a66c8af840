//! Checks whether present contents match their record, with the criteria of a verification.

use rusqlite::params;
use rusqlite::types::ValueRef;

use super::target::Target;
use crate::store::database::Database;
use crate::store::database::item_source::StoredItem;
use crate::store::database::shared_writer::SharedWriter;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::hash::{Sha256, SpanHash};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::gzip::Decompressor;
use crate::store::records::record::SpanRecord;
use crate::store::substores::bundles::{BundleContents, check_bundle_artifact};
use crate::store::tasks::monitor::Monitor;

/// Returns whether the contents of a target are damaged.
///
/// Contents that a kernel changes during the check may count as damaged. This is harmless, because
/// the replacement has the record's hash.
///
/// # Errors
/// [`Error::Aborted`]; SQLite's errors.
pub(super) fn is_damaged(
    reader: &mut SharedWriter,
    name: &[u8],
    target: &Target,
    monitor: &Monitor,
) -> Result<bool> {
    match target {
        Target::Span { span, .. } => {
            // A kernel only adds items after the end of the span that was read.
            let sound = reader.read(monitor, |db| {
                let mut hash = SpanHash::initial();
                let is_complete = extend(db, span, span.start_pos, &mut hash, Some(monitor))?;
                Ok(is_complete && hash.as_bytes() == span.hash)
            })?;
            Ok(!sound)
        }
        Target::Snapshot {
            vat_id,
            snap_pos,
            hash,
            ..
        } => {
            let row = reader.read(monitor, |db| {
                db.peek_row(
                    "SELECT compressedSnapshot, uncompressedSize, compressedSize FROM snapshots
                     WHERE vatID = ? AND snapPos = ?",
                    params![SqlText(vat_id), snap_pos],
                    |row| {
                        let size = |column| row.get_ref(column).map(|size| size.as_i64().ok());
                        Ok((contents(row)?, size(1)?, size(2)?))
                    },
                )
            })?;
            let Some((Some((false, image)), size, compressed_size)) = row else {
                return Ok(true);
            };
            if compressed_size != i64::try_from(image.len()).ok() {
                return Ok(true);
            }
            Ok(image_hash(image, monitor)? != Some((hash.clone(), size)))
        }
        Target::Bundle(bundle_id) => {
            let row = reader.read(monitor, |db| {
                db.peek_row(
                    "SELECT bundle FROM bundles WHERE bundleID = ?",
                    params![SqlText(bundle_id)],
                    contents,
                )
            })?;
            let Some(Some((is_text, bytes))) = row else {
                return Ok(true);
            };
            let sound = match check_bundle_artifact(name, bytes.clone()) {
                Ok(BundleContents::Script(script)) => is_text && script == bytes,
                Ok(BundleContents::Archive(_)) => !is_text,
                Err(_) => false,
            };
            Ok(!sound)
        }
    }
}

/// The first column's contents, and whether they are text; `None` for other types.
fn contents(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<(bool, Vec<u8>)>> {
    Ok(match row.get_ref(0)? {
        ValueRef::Text(text) => Some((true, text.to_vec())),
        ValueRef::Blob(bytes) => Some((false, bytes.to_vec())),
        _ => None,
    })
}

/// The hash and size of a compressed image; `None` if it cannot be decompressed.
fn image_hash(compressed: Vec<u8>, monitor: &Monitor) -> Result<Option<(Vec<u8>, Option<i64>)>> {
    let mut image = Decompressor::new(compressed, None);
    let mut hash = Sha256::new();
    let mut size = 0_i64;
    loop {
        monitor.check()?;
        match image.next_chunk() {
            Ok(Some(chunk)) => {
                hash.add(&chunk);
                size = size.saturating_add(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
            }
            Ok(None) => return Ok(Some((hash.finish().into_bytes(), Some(size)))),
            Err(Error::BadGzip(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Extends a hash by the items of a span from position `from` on. Resets the hash if an item is
/// missing or malformed.
///
/// # Errors
/// SQLite's errors.
pub(super) fn extend_hash(
    db: &Database,
    span: &SpanRecord,
    from: i64,
    hash: &mut SpanHash,
) -> Result<()> {
    if !extend(db, span, from, hash, None)? {
        *hash = SpanHash::initial();
    }
    Ok(())
}

/// Extends a hash by the items from `from` on. Returns false if an item is missing or malformed.
fn extend(
    db: &Database,
    span: &SpanRecord,
    from: i64,
    hash: &mut SpanHash,
    monitor: Option<&Monitor>,
) -> Result<bool> {
    let mut next = from;
    let range = from..span.end_pos;
    let visited = db.visit_items(&span.vat_id, range, &mut |found: StoredItem<'_>| {
        if let Some(monitor) = monitor {
            monitor.check()?;
        }
        let place = (found.position, found.incarnation);
        if place != (ValueRef::Integer(next), ValueRef::Integer(span.incarnation)) {
            return Ok(false);
        }
        let ValueRef::Text(item) = found.item else {
            return Ok(false);
        };
        match std::str::from_utf8(item) {
            Ok(_) => hash.extend(item),
            Err(_) => hash.extend(&wtf8::for_hash(item)),
        }
        next += 1;
        Ok(true)
    });
    match visited {
        Ok(all) => Ok(all && next == span.end_pos),
        Err(Error::BadFrame { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
