//! What a store lacks that an export in some mode would carry.

use serde::Serialize;

use super::History;
use super::incarnations::{by_incarnation, first_gap};
use super::spans::{Populated, SpanInfo};
use crate::store::error::history::HistoryFault;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;

/// How many artifacts are named of those that are missing.
const MOST_ARTIFACTS: usize = 100;

/// How many problems are with_file_hint that are not a span's.
const MOST_PROBLEMS: usize = 5;

/// What a store lacks for an export in a mode, and so for an import of it elsewhere.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lacking {
    /// how many spans lack items
    pub spans: usize,
    /// how many items they lack
    pub items: i64,
    /// of how many vats these spans are
    pub vats: usize,
    /// the artifacts that have the items; the first hundred
    pub artifacts: Vec<String>,
    /// what is missing besides: bundles, snapshots in use, records between two spans; the first
    /// five
    pub problems: Vec<String>,
    /// how many more of these there are
    pub more_problems: usize,
}

impl Lacking {
    /// Whether the store has all that the mode needs.
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

    /// Looks at the spans of a vat that the mode needs.
    fn look_at(&mut self, spans: &[SpanInfo], mode: ArtifactMode) {
        let mut is_concerned = false;
        for span in spans.iter().filter(|one| one.populated != Populated::All) {
            is_concerned = true;
            self.spans += 1;
            let missing = span.length().saturating_sub(span.items);
            self.items = self.items.saturating_add(missing);
            if self.artifacts.len() < MOST_ARTIFACTS {
                self.artifacts.push(span.artifact.clone());
            }
        }
        self.vats += usize::from(is_concerned);
        let Some(first) = spans.first() else {
            return;
        };
        let late = mode == ArtifactMode::Archival && first.start_pos > 0;
        let gap = late.then_some((0, first.start_pos));
        if let Some((end, next_start)) = gap.or_else(|| first_gap(spans)) {
            self.problem(&HistoryFault::gap(first.vat_id.as_bytes(), end, next_start));
        }
    }
}

impl History {
    /// What is missing for exports in a mode, of which `operational`, `replay` and `archival` need
    /// something. `spans` are all spans, as [`History::all_spans`] has them.
    ///
    /// # Errors
    /// [`Error::History`] after [`History::close`]; SQLite's errors.
    pub fn lacking(&self, spans: &[SpanInfo], mode: ArtifactMode) -> Result<Lacking> {
        let mut lacking = Lacking::default();
        if mode == ArtifactMode::Debug {
            return Ok(lacking);
        }
        for check in [
            super::Database::check_bundles,
            super::Database::check_snapshots,
        ] {
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
            lacking.look_at(needed, mode);
        }
        Ok(lacking)
    }
}
