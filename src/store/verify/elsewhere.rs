//! Another place for what a store has pruned.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::error::Result;
use crate::store::transfer::history_source::HistorySource;

/// Another place for what a store has pruned.
pub(super) struct Elsewhere {
    pub(super) source: HistorySource,
    /// The number of artifacts there that match their records.
    found: AtomicU64,
}

/// What another place has of an artifact.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The artifact, whose first line is the first item of a span, without what exceeds a limit.
    Valid(Vec<u8>),
    /// Nothing.
    Nothing,
    /// Another artifact, or one that cannot be read. A finding reports it.
    Unusable,
}

impl Elsewhere {
    pub(super) fn new(source: HistorySource) -> Elsewhere {
        Elsewhere {
            source,
            found: AtomicU64::new(0),
        }
    }

    /// Counts an artifact that matches its record.
    pub(super) fn count(&self) {
        self.found.fetch_add(1, Ordering::Relaxed);
    }

    /// How many artifacts match their records.
    pub(super) fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// How many artifacts to read at a time.
    pub(super) fn threads(&self) -> Result<usize> {
        self.source.threads()
    }
}
