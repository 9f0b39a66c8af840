//! Finds what a store lacks for an export in an artifact mode.

use serde::Serialize;

use super::handle::History;
use super::incarnations::{by_incarnation, first_gap};
use super::spans::{Populated, SpanInfo};
use crate::store::database::Database;
use crate::store::error::history::Fault;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;

/// How many missing artifacts are named.
const MOST_ARTIFACTS: usize = 100;

/// How many problems are described that do not concern a span's items.
const MOST_PROBLEMS: usize = 5;

/// What a store lacks for an export in a mode.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lacking {
    /// The number of spans with missing items.
    pub spans: usize,
    /// The number of missing items.
    pub items: i64,
    /// The number of vats with such spans.
    pub vats: usize,
    /// The artifacts that contain the missing items; the first hundred.
    pub artifacts: Vec<String>,
    /// Other problems: missing bundles, snapshots in use, and records between two spans; the first
    /// five.
    pub problems: Vec<String>,
    /// The number of problems that are not listed.
    pub more_problems: usize,
}

impl Lacking {
    /// Whether the store has everything that the mode requires.
    pub fn is_nothing(&self) -> bool {
        self.spans == 0 && self.problems.is_empty()
    }

    fn problem(&mut self, error: &Error) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(error.to_string());
        } else {
            self.more_problems += 1;
        }
    }

    /// Checks the spans of a vat that the mode requires.
    fn check_vat(&mut self, spans: &[SpanInfo], mode: ArtifactMode) {
        let mut is_incomplete = false;
        for span in spans.iter().filter(|one| one.populated != Populated::All) {
            is_incomplete = true;
            self.spans += 1;
            let missing = span.length().saturating_sub(span.items);
            self.items = self.items.saturating_add(missing);
            if self.artifacts.len() < MOST_ARTIFACTS {
                self.artifacts.push(span.artifact.clone());
            }
        }
        self.vats += usize::from(is_incomplete);
        let Some(first) = spans.first() else {
            return;
        };
        let late = mode == ArtifactMode::Archival && first.start_pos > 0;
        let gap = late.then_some((0, first.start_pos));
        if let Some((end, next_start)) = gap.or_else(|| first_gap(spans)) {
            self.problem(&Fault::gap(first.vat_id.as_bytes(), end, next_start));
        }
    }
}

impl History {
    /// Finds what the store lacks for exports in `mode`; mode `debug` requires nothing. `spans` are
    /// all spans, from [`History::all_spans`].
    ///
    /// # Errors
    /// [`Error::History`] after [`History::close`]; SQLite's errors.
    pub fn lacking(&self, spans: &[SpanInfo], mode: ArtifactMode) -> Result<Lacking> {
        let mut lacking = Lacking::default();
        if mode == ArtifactMode::Debug {
            return Ok(lacking);
        }
        for check in [Database::check_bundles, Database::check_snapshots] {
            match self.ask(|db| check(db, mode)) {
                Ok(()) => {}
                Err(error @ (Error::Sqlite { .. } | Error::History(_))) => return Err(error),
                Err(error) => lacking.problem(&error),
            }
        }
        for of_vat in spans.chunk_by(|one, next| one.vat_id == next.vat_id) {
            let Some(current) = of_vat.iter().rposition(|span| span.is_current) else {
                continue;
            };
            let needed = match mode {
                ArtifactMode::Operational => &of_vat[current..=current],
                ArtifactMode::Replay => {
                    let number = of_vat[current].incarnation;
                    by_incarnation(&of_vat[..=current])
                        .filter(|spans| spans.iter().all(|one| one.incarnation == number))
                        .last()
                        .unwrap_or_default()
                }
                ArtifactMode::Archival | ArtifactMode::Debug => &of_vat[..=current],
            };
            lacking.check_vat(needed, mode);
        }
        Ok(lacking)
    }
}
