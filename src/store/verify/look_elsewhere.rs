//! Checks what a store has pruned in another place.

use std::env;

use super::check::Check;
use super::elsewhere::Found;
use super::finding::{Finding, FindingKind, StoreTable};
use crate::store::error::{Error, Result};
use crate::store::transfer::history_source::{Wanted, unless_lacking};

/// The longest first item of a span that is kept, in bytes. Longer ones load no snapshot.
const MAX_FIRST_BYTES: usize = 1 << 20;

impl Check<'_> {
    /// Reads an artifact that the store lacks from another place, if there is one. `about` adds the
    /// position to a finding.
    pub(super) fn look_elsewhere(
        &self,
        wanted: &Wanted,
        table: StoreTable,
        about: impl FnOnce(Finding) -> Finding,
    ) -> Result<Found> {
        let Some(elsewhere) = &self.elsewhere else {
            return Ok(Found::Nothing);
        };
        let mut first = Vec::new();
        let mut is_first = true;
        let take = |chunk: &[u8]| {
            if is_first {
                let end = memchr::memchr(b'\n', chunk);
                is_first = end.is_none();
                let room = MAX_FIRST_BYTES.saturating_sub(first.len());
                let length = end.unwrap_or(chunk.len()).min(room);
                first.extend_from_slice(&chunk[..length]);
            }
            self.go_on()?;
            self.monitor.count(chunk.len())
        };
        let directory = env::temp_dir();
        let read = elsewhere
            .source
            .read(wanted, &directory, self.monitor, take);
        match unless_lacking(read) {
            Ok(Some(())) => {
                elsewhere.count();
                Ok(Found::Valid(first))
            }
            Ok(None) => Ok(Found::Nothing),
            Err(error @ (Error::FromHistory { .. } | Error::RemoteFile { .. })) => {
                let kind = FindingKind::HistoryUnusable;
                self.add(about(Finding::new(kind, table, error.to_string())));
                Ok(Found::Unusable)
            }
            Err(error) => Err(error),
        }
    }

    /// The end of a sentence about contents that the store lacks, and the other place, too, if there is
    /// one.
    pub(super) fn nor_elsewhere(&self) -> String {
        self.elsewhere.as_ref().map_or(String::new(), |elsewhere| {
            format!(", and {} does not have them either", elsewhere.source)
        })
    }
}
