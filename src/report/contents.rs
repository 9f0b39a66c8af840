//! The contents of a store that a report shows.

use std::path::Path;

use crate::store::database::shared_writer::Space;
use crate::store::error::Result;
use crate::store::history::{
    BundleInfo, History, KeySizes, Lacking, SnapshotSummary, SpanInfo, VatInfo,
};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::Monitor;

/// The modes that require contents.
pub(crate) const MODES: [ArtifactMode; 3] = [
    ArtifactMode::Operational,
    ArtifactMode::Replay,
    ArtifactMode::Archival,
];

/// A store, or one of its vats, as of one commit.
pub(crate) struct StoreContents {
    pub(crate) history: History,
    /// The vat, if the report is about one.
    pub(crate) one: Option<String>,
    pub(crate) block_height: f64,
    pub(crate) space: Space,
    pub(crate) keys: KeySizes,
    /// Sorted by vat and position.
    pub(crate) spans: Vec<SpanInfo>,
    /// Sorted by vat and position.
    pub(crate) snapshots: Vec<SnapshotSummary>,
    pub(crate) vats: Vec<VatInfo>,
    pub(crate) bundles: Vec<BundleInfo>,
    /// What the store lacks for each of [`MODES`].
    pub(crate) lacking: Vec<Lacking>,
}

impl StoreContents {
    pub(crate) fn read(
        store: &Path,
        one: Option<&str>,
        monitor: &Monitor,
    ) -> Result<StoreContents> {
        let history = History::open(store)?;
        let (spans, snapshots, vats) = match one {
            Some(vat_id) => {
                history.measure(Some(vat_id), monitor)?;
                let vat = history.vat(vat_id, monitor)?;
                // The kernel may know a vat without a transcript.
                let spans = match vat.spans {
                    0 => Vec::new(),
                    _ => history.spans(vat_id, monitor)?,
                };
                (spans, history.snapshots(Some(vat_id))?, vec![vat])
            }
            None => {
                history.measure(None, monitor)?;
                let spans = history.all_spans(monitor)?;
                let snapshots = history.snapshots(None)?;
                let vats = history.vats_with(&spans, &snapshots, monitor)?;
                (spans, snapshots, vats)
            }
        };
        let lacking = MODES.iter().map(|mode| history.lacking(&spans, *mode));
        Ok(StoreContents {
            block_height: history.block_height()?,
            space: history.space()?,
            keys: history.measure_keys(monitor)?,
            bundles: history.bundles()?,
            lacking: lacking.collect::<Result<_>>()?,
            one: one.map(str::to_owned),
            history,
            spans,
            snapshots,
            vats,
        })
    }

    /// The spans of a vat.
    pub(crate) fn spans_of(&self, vat_id: &str) -> &[SpanInfo] {
        of_vat(&self.spans, vat_id, |span| &span.vat_id)
    }

    /// The snapshots of a vat.
    pub(crate) fn snapshots_of(&self, vat_id: &str) -> &[SnapshotSummary] {
        of_vat(&self.snapshots, vat_id, |snapshot| &snapshot.vat_id)
    }
}

/// The part of a list, sorted by vat, that belongs to one vat.
fn of_vat<'a, T>(all: &'a [T], vat_id: &str, of: impl Fn(&T) -> &str) -> &'a [T] {
    let start = all.partition_point(|one| of(one) < vat_id);
    let length = all[start..].partition_point(|one| of(one) == vat_id);
    &all[start..start + length]
}
