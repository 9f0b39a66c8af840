//! Vats, snapshots and bundles, and what the store has for exports.

use serde::Serialize;

use super::spans::{MeasuredSpan, by_vat};
use crate::store::database::Database;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::metrics::running::SizeByForm;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;

/// The number of vats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct VatsByState {
    /// Vats with a current span.
    pub live: u64,
    /// Vats without.
    pub ended: u64,
}

pub(super) fn vats(spans: &[MeasuredSpan]) -> VatsByState {
    let mut vats = VatsByState::default();
    for of_vat in by_vat(spans) {
        if of_vat.iter().any(|span| span.record.is_current) {
            vats.live += 1;
        } else {
            vats.ended += 1;
        }
    }
    vats
}

/// The number of snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct SnapshotsByState {
    /// In use.
    pub in_use: u64,
    /// No longer in use, but stored.
    pub kept: u64,
    /// No longer in use, and without an image.
    pub pruned: u64,
    /// In use, and without an image.
    pub missing: u64,
}

/// The snapshots of a store.
#[derive(Default)]
pub(super) struct Snapshots {
    pub(super) by_state: SnapshotsByState,
    pub(super) bytes: SizeByForm,
    /// The names of those with an image.
    pub(super) stored: Vec<Vec<u8>>,
}

pub(super) fn snapshots(db: &Database) -> Result<Snapshots> {
    let mut snapshots = Snapshots::default();
    let rows = db.peek_rows(
        "SELECT vatID, snapPos, inUse, compressedSnapshot IS NOT NULL,
           uncompressedSize, compressedSize
         FROM snapshots ORDER BY vatID, snapPos",
        [],
        |row| {
            let vat_id = wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned();
            let in_use = row.get::<_, Option<i64>>(2)?.unwrap_or(0) != 0;
            let name = names::snapshot_name(&vat_id, row.get(1)?);
            let sizes: [Option<i64>; 2] = [row.get(4)?, row.get(5)?];
            Ok((name, in_use, row.get(3)?, sizes))
        },
    )?;
    for (name, in_use, is_stored, sizes) in rows {
        let Snapshots {
            by_state, bytes, ..
        } = &mut snapshots;
        let count = match (in_use, is_stored) {
            (true, true) => &mut by_state.in_use,
            (true, false) => &mut by_state.missing,
            (false, true) => &mut by_state.kept,
            (false, false) => &mut by_state.pruned,
        };
        *count += 1;
        if is_stored {
            let [uncompressed, compressed] =
                sizes.map(|size| u64::try_from(size.unwrap_or(0)).unwrap_or(0));
            bytes.uncompressed = bytes.uncompressed.saturating_add(uncompressed);
            bytes.compressed = bytes.compressed.saturating_add(compressed);
            snapshots.stored.push(name);
        }
    }
    Ok(snapshots)
}

/// The number of bundles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct BundlesByState {
    /// With their contents.
    pub stored: u64,
    /// Without.
    pub pruned: u64,
}

pub(super) fn bundles(db: &Database) -> Result<BundlesByState> {
    let counts = db.peek_row(
        "SELECT count(bundle), count(*) - count(bundle) FROM bundles",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    )?;
    let (stored, pruned) = counts.unwrap_or_default();
    Ok(BundlesByState {
        stored: stored.unsigned_abs(),
        pruned: pruned.unsigned_abs(),
    })
}

/// Whether a store has what an export in each artifact mode needs, as 1 or 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Completeness {
    /// In mode `operational`.
    pub operational: u8,
    /// In mode `replay`.
    pub replay: u8,
    /// In mode `archival`.
    pub archival: u8,
}

pub(super) fn completeness(db: &Database, spans: &[MeasuredSpan]) -> Result<Completeness> {
    let is_complete = |mode: ArtifactMode| -> Result<u8> {
        for check in [Database::check_bundles, Database::check_snapshots] {
            match check(db, mode) {
                Ok(()) => {}
                Err(error @ Error::Sqlite { .. }) => return Err(error),
                Err(_) => return Ok(0),
            }
        }
        Ok(u8::from(
            by_vat(spans).all(|of_vat| has_spans(of_vat, mode)),
        ))
    };
    Ok(Completeness {
        operational: is_complete(ArtifactMode::Operational)?,
        replay: is_complete(ArtifactMode::Replay)?,
        archival: is_complete(ArtifactMode::Archival)?,
    })
}

/// Whether a vat has the spans that a mode needs, without a gap.
fn has_spans(spans: &[MeasuredSpan], mode: ArtifactMode) -> bool {
    let Some(current) = spans.iter().rposition(|span| span.record.is_current) else {
        return true;
    };
    let incarnation = spans[current].record.incarnation;
    let first = match mode {
        ArtifactMode::Operational => current,
        ArtifactMode::Replay => {
            let is_of = |span: &MeasuredSpan| span.record.incarnation == incarnation;
            spans.iter().position(is_of).unwrap_or(current)
        }
        ArtifactMode::Archival | ArtifactMode::Debug => 0,
    };
    let needed = &spans[first..=current];
    let is_whole = mode != ArtifactMode::Archival || needed[0].record.start_pos == 0;
    is_whole
        && needed.iter().all(MeasuredSpan::is_complete)
        && needed
            .windows(2)
            .all(|pair| pair[0].record.end_pos == pair[1].record.start_pos)
}
