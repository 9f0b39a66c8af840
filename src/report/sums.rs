//! The sizes of a store's contents, and how much pruning would free.

use std::collections::HashMap;

use crate::report::contents::StoreContents;
use crate::store::history::{Populated, SpanInfo, VatInfo};
use crate::store::records::mode::ArtifactMode;

/// The size of a vat, or of a store, by kind of contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Transcript items, in bytes.
    pub(super) transcripts: u64,
    /// Compressed heap images, in bytes.
    pub(super) snapshots: u64,
    /// Keys and their values, in bytes.
    pub(super) keys: u64,
}

impl Sizes {
    pub(super) fn of(vat: &VatInfo, contents: &StoreContents) -> Sizes {
        let keys = contents.keys.vats.get(&vat.vat_id);
        Sizes {
            transcripts: vat.bytes.unwrap_or(0),
            snapshots: u64::try_from(vat.snapshot_bytes).unwrap_or(0),
            keys: keys.map_or(0, |keys| keys.bytes),
        }
    }

    pub(super) fn total(self) -> u64 {
        self.transcripts
            .saturating_add(self.snapshots)
            .saturating_add(self.keys)
    }

    pub(super) fn add(&mut self, other: Sizes) {
        self.transcripts = self.transcripts.saturating_add(other.transcripts);
        self.snapshots = self.snapshots.saturating_add(other.snapshots);
        self.keys = self.keys.saturating_add(other.keys);
    }
}

/// What pruning would delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prunable {
    pub(super) spans: u64,
    pub(super) items: u64,
    pub(super) item_bytes: u64,
    pub(super) snapshots: u64,
    pub(super) image_bytes: u64,
}

/// What pruning would delete that keeps the contents of exports in mode `keep`.
pub(super) fn prunable(contents: &StoreContents, keep: ArtifactMode) -> Prunable {
    let mut found = Prunable::default();
    let mut current: HashMap<&str, &SpanInfo> = HashMap::new();
    for span in contents.spans.iter().filter(|span| span.is_current) {
        current.insert(&span.vat_id, span);
    }
    for span in contents
        .spans
        .iter()
        .filter(|span| !span.is_current && span.items > 0)
    {
        let current = current.get(span.vat_id.as_str());
        let is_prunable = match keep {
            ArtifactMode::Operational => true,
            ArtifactMode::Replay => current.is_none_or(|one| one.incarnation != span.incarnation),
            ArtifactMode::Archival => current.is_none(),
            ArtifactMode::Debug => false,
        };
        if is_prunable {
            found.spans += 1;
            found.items = found.items.saturating_add(span.items.unsigned_abs());
            let bytes = span.bytes.unwrap_or(0);
            found.item_bytes = found.item_bytes.saturating_add(bytes);
        }
    }
    let has_image = |populated| keep != ArtifactMode::Debug && populated == Populated::All;
    for snapshot in &contents.snapshots {
        if !snapshot.in_use && has_image(snapshot.populated) {
            found.snapshots += 1;
            let bytes = u64::try_from(snapshot.compressed_size.unwrap_or(0)).unwrap_or(0);
            found.image_bytes = found.image_bytes.saturating_add(bytes);
        }
    }
    found
}
