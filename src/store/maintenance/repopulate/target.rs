//! Finds the place of an artifact in the store.

use rusqlite::params;

use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::names::bundle_id_from_name;
use crate::store::records::record::SpanRecord;

/// A place in the store that lacks its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Span {
        span: SpanRecord,
        /// The end position in the artifact's name, exclusive. It differs from the record's if a
        /// node made the artifact of a current span at another block.
        own_end: i64,
    },
    Snapshot {
        vat_id: Vec<u8>,
        snap_pos: i64,
        hash: Vec<u8>,
        /// The size of the image in bytes, if known.
        size: Option<u64>,
    },
    Bundle(Vec<u8>),
}

/// What an artifact means for the store.
#[derive(Debug)]
pub(super) enum ArtifactState {
    Wanted(Target),
    /// The contents are present.
    Present,
    /// All or some contents are present, and are replaced if they are damaged.
    Suspect(Target),
    /// The mode does not need the artifact.
    Unwanted,
    Refused(Error),
}

/// Finds the target of an artifact. With `replace`, the caller checks whether present contents are
/// damaged.
pub(super) fn find(
    db: &Database,
    name: &[u8],
    mode: ArtifactMode,
    replace: bool,
) -> Result<ArtifactState> {
    match names::kind(name) {
        b"transcript" => find_span(db, name, mode, replace),
        b"snapshot" => find_snapshot(db, name, mode, replace),
        b"bundle" => find_bundle(db, name, replace),
        _ => Ok(ArtifactState::Refused(Error::unknown_artifact(name))),
    }
}

/// Parses a position in the form that names have.
fn position(text: &[u8]) -> Option<i64> {
    let position: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (position.to_string().as_bytes() == text).then_some(position)
}

fn find_span(
    db: &Database,
    name: &[u8],
    mode: ArtifactMode,
    replace: bool,
) -> Result<ArtifactState> {
    let parsed = names::parse_span_name(name).and_then(|(vat_id, start, end)| {
        let start = position(start)?;
        position(end).map(|end| (vat_id, start, end))
    });
    let Some((vat_id, start_pos, end_pos)) = parsed else {
        return Ok(ArtifactState::Refused(Error::NotTranscriptName {
            name: name.to_vec(),
            double_quoted: false,
        }));
    };
    let Some(span) = db.span_at(vat_id, start_pos)? else {
        return Ok(ArtifactState::Refused(Error::UnknownArtifact(
            name.to_vec(),
        )));
    };
    let count = db.count_items(&span.vat_id, span.start_pos, span.end_pos)?;
    let is_populated = span.end_pos.checked_sub(span.start_pos) == Some(count);
    if replace && (span.end_pos == end_pos || (span.is_current && end_pos > start_pos)) {
        let target = || Target::Span {
            span: span.clone(),
            own_end: end_pos,
        };
        if is_populated || (count > 0 && !is_tail(db, &span, count)?) {
            return Ok(ArtifactState::Suspect(target()));
        }
        if span.end_pos != end_pos {
            return Ok(ArtifactState::Wanted(target()));
        }
    }
    if span.end_pos != end_pos {
        // The current span was longer or shorter when the artifact was made.
        return Ok(if span.is_current && is_populated {
            ArtifactState::Present
        } else {
            ArtifactState::Refused(Error::SpanEndsElsewhere {
                name: name.to_vec(),
                end_pos: span.end_pos,
            })
        });
    }
    if is_populated {
        return Ok(ArtifactState::Present);
    }
    let current = || db.current_span(vat_id);
    let wanted = match mode {
        ArtifactMode::Operational => span.is_current,
        ArtifactMode::Replay => {
            current()?.is_some_and(|current| current.incarnation == span.incarnation)
        }
        ArtifactMode::Archival => current()?.is_some(),
        ArtifactMode::Debug => true,
    };
    Ok(if wanted {
        ArtifactState::Wanted(Target::Span {
            span,
            own_end: end_pos,
        })
    } else {
        ArtifactState::Unwanted
    })
}

/// Whether no item of a span is missing.
pub(super) fn has_all_items(db: &Database, span: &SpanRecord) -> Result<bool> {
    let count = db.count_items(&span.vat_id, span.start_pos, span.end_pos)?;
    Ok(span.end_pos.checked_sub(span.start_pos) == Some(count))
}

/// Whether the `count` items of a span are its last ones, because a pruning was interrupted.
fn is_tail(db: &Database, span: &SpanRecord, count: i64) -> Result<bool> {
    let first = db.first_item(&span.vat_id, span.start_pos..span.end_pos)?;
    Ok(!span.is_current && first == span.end_pos.checked_sub(count))
}

fn find_snapshot(
    db: &Database,
    name: &[u8],
    mode: ArtifactMode,
    replace: bool,
) -> Result<ArtifactState> {
    let parsed = names::parse_snapshot_name(name)
        .and_then(|(vat_id, snap_pos)| position(snap_pos).map(|snap_pos| (vat_id, snap_pos)));
    let Some((vat_id, snap_pos)) = parsed else {
        return Ok(ArtifactState::Refused(Error::NotSnapshotName {
            name: name.to_vec(),
            on_import: false,
        }));
    };
    let row = db.peek_row(
        "SELECT hash, uncompressedSize, inUse IS NOT NULL, compressedSnapshot IS NOT NULL
         FROM snapshots WHERE vatID = ? AND snapPos = ?",
        params![SqlText(vat_id), snap_pos],
        |row| {
            Ok((
                wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned(),
                // A size of the wrong type counts as unknown.
                row.get_ref(1)?.as_i64().ok(),
                row.get::<_, bool>(2)?,
                row.get::<_, bool>(3)?,
            ))
        },
    )?;
    Ok(match row {
        None => ArtifactState::Refused(Error::UnknownArtifact(name.to_vec())),
        Some((hash, _, _, true)) if replace => ArtifactState::Suspect(Target::Snapshot {
            vat_id: vat_id.to_vec(),
            snap_pos,
            hash,
            // The recorded size may be wrong, too.
            size: None,
        }),
        Some((_, _, _, true)) => ArtifactState::Present,
        Some((_, _, false, _)) if mode != ArtifactMode::Debug => ArtifactState::Unwanted,
        Some((hash, size, _, _)) => ArtifactState::Wanted(Target::Snapshot {
            vat_id: vat_id.to_vec(),
            snap_pos,
            hash,
            size: size.and_then(|size| u64::try_from(size).ok()),
        }),
    })
}

fn find_bundle(db: &Database, name: &[u8], replace: bool) -> Result<ArtifactState> {
    let bundle_id = match bundle_id_from_name(name) {
        Ok(bundle_id) => bundle_id,
        Err(error) => return Ok(ArtifactState::Refused(error)),
    };
    let is_populated: Option<bool> = db.peek_value(
        "SELECT bundle IS NOT NULL FROM bundles WHERE bundleID = ?",
        params![SqlText(bundle_id)],
    )?;
    Ok(match is_populated {
        None => ArtifactState::Refused(Error::UnknownArtifact(name.to_vec())),
        Some(true) if replace => ArtifactState::Suspect(Target::Bundle(bundle_id.to_vec())),
        Some(true) => ArtifactState::Present,
        Some(false) => ArtifactState::Wanted(Target::Bundle(bundle_id.to_vec())),
    })
}
