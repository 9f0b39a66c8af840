//! What an archive lacks of a store.

use std::sync::Mutex;

use serde::Serialize;

use super::spans::{MeasuredSpan, by_vat};
use crate::store::error::Result;
use crate::store::places::Place;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::parallel;
use crate::store::transfer::archive::Lookup;

/// What an archive lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct ArchiveLag {
    /// Historical spans whose items are stored, and which the archive lacks.
    #[serde(rename = "swing_store_unarchived_spans")]
    pub spans: u64,
    /// The items of these spans.
    #[serde(rename = "swing_store_unarchived_items")]
    pub items: u64,
    /// Snapshots whose images are stored, and which the archive lacks.
    #[serde(rename = "swing_store_unarchived_snapshots")]
    pub snapshots: u64,
    /// Spans without all of their items in the store, which the archive lacks.
    #[serde(rename = "swing_store_lost_spans")]
    pub lost_spans: u64,
}

/// An artifact that an archive should have.
enum Artifact {
    /// A historical span: the number of its items, and whether they are all stored.
    Span {
        items: u64,
        is_complete: bool,
    },
    Snapshot,
}

/// The artifacts that an archive should have, by their names.
pub(super) struct Wanted(Vec<(Vec<u8>, Artifact)>);

impl Wanted {
    /// The historical spans of a store, at most the `newest` ones of each vat, and the snapshots of
    /// these names.
    pub(super) fn new(
        spans: &[MeasuredSpan],
        snapshots: Vec<Vec<u8>>,
        newest: Option<u64>,
    ) -> Wanted {
        let newest = newest.map_or(usize::MAX, |newest| {
            usize::try_from(newest).unwrap_or(usize::MAX)
        });
        let mut wanted = Vec::new();
        for of_vat in by_vat(spans) {
            // Archives have no files of empty spans: a kernel does not end them.
            let historical = of_vat
                .iter()
                .rev()
                .filter(|span| !span.record.is_current && span.length() > 0);
            for span in historical.take(newest) {
                let artifact = Artifact::Span {
                    items: span.length().unsigned_abs(),
                    is_complete: span.is_complete(),
                };
                wanted.push((span.record.artifact_name(), artifact));
            }
        }
        wanted.extend(snapshots.into_iter().map(|name| (name, Artifact::Snapshot)));
        Wanted(wanted)
    }

    /// Looks for the artifacts in an archive, several at a time, by their names.
    ///
    /// # Errors
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); as [`Lookup::open`] and
    /// [`Lookup::has`].
    pub(super) fn look(&self, place: &Place, monitor: &Monitor) -> Result<ArchiveLag> {
        let lookup = Lookup::open(place)?;
        let lag = Mutex::new(ArchiveLag::default());
        monitor.set_total(self.0.len());
        let look = |index: usize| {
            monitor.check()?;
            let (name, artifact) = &self.0[index];
            if !lookup.has(name, monitor)? {
                lock::lock(&lag).add(artifact);
            }
            monitor.finish_piece();
            Ok(())
        };
        parallel::run_on(lookup.threads(), self.0.len(), look, || Ok(()))?;
        Ok(*lock::lock(&lag))
    }
}

impl ArchiveLag {
    /// Counts an artifact that the archive lacks.
    fn add(&mut self, artifact: &Artifact) {
        match *artifact {
            Artifact::Snapshot => self.snapshots += 1,
            Artifact::Span {
                is_complete: false, ..
            } => self.lost_spans += 1,
            Artifact::Span { items, .. } => {
                self.spans += 1;
                self.items = self.items.saturating_add(items);
            }
        }
    }
}
