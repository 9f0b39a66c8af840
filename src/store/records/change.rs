//! Changes of the export data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A change of the export data: a key, and its value or `None` for a deletion.
pub type ExportChange = (Vec<u8>, Option<Arc<[u8]>>);

/// Changes of the export data that were taken for delivery. They count as delivered unless
/// [`Store::give_back`](crate::store::substores::Store::give_back) returns them.
#[derive(Debug, Default)]
pub struct Exports {
    /// The changes, sorted by key, or in chronological order if the store keeps a list.
    pub changes: Vec<ExportChange>,
    pub(crate) is_revoked: Arc<AtomicBool>,
}

impl Exports {
    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether a rollback has undone these changes.
    pub(crate) fn is_revoked(&self) -> bool {
        self.is_revoked.load(Ordering::Acquire)
    }
}
