//! What it takes to replay an incarnation: what to start a worker from, and which spans to feed it.

mod parts;
mod start;

use serde::Serialize;

use super::incarnations::first_gap;
use super::items::of_incarnation;
use super::{History, SnapshotSummary, SpanInfo};
use crate::store::error::Result;
use crate::store::error::history::HistoryFault;
use crate::store::tasks::monitor::Monitor;

use parts::missing_parts;
pub use parts::{MissingPart, PlanBundle};
pub use start::{LearnedFrom, ReplayStart};

/// Where a replay is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayFrom {
    /// At the beginning of the incarnation, from bundles.
    #[default]
    Start,
    /// At the incarnation's last heap snapshot, as a kernel begins; at the beginning if it has none.
    Snapshot,
}

/// A point at which the replay can be compared with the original.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// the position of the `save-snapshot`
    pub position: i64,
    /// the hash that the heap's image must have there
    #[serde(rename = "snapshotID")]
    pub snapshot_id: String,
}

/// What it takes to replay an incarnation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayPlan {
    /// the vat
    #[serde(rename = "vatID")]
    pub vat_id: String,
    /// the incarnation
    pub incarnation: i64,
    /// whether it goes on
    pub is_current: bool,
    /// where the replay was asked to begin
    pub from: ReplayFrom,
    /// the first position that is replayed
    pub start_pos: i64,
    /// the position behind the last one
    pub end_pos: i64,
    /// what to start the worker from
    pub start: ReplayStart,
    /// what to feed it, in order
    pub spans: Vec<SpanInfo>,
    /// the bundles that it is started from; a snapshot has them in it
    pub bundles: Vec<PlanBundle>,
    /// the snapshot that it is started from, if it is
    pub snapshots: Vec<SnapshotSummary>,
    /// where the replay can be compared with the original
    pub checkpoints: Vec<Checkpoint>,
    /// what of all that is not in the store
    pub missing: Vec<MissingPart>,
    /// what keeps the plan from being carried out and no artifact would mend
    pub problems: Vec<String>,
    /// whether nothing is missing and there are no problems
    pub complete: bool,
}

impl History {
    /// What it takes to replay an incarnation of a vat, the current one unless another is asked
    /// for.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) if the store has no transcript of the vat,
    /// the vat has no such incarnation, or no current one; SQLite's errors.
    pub fn replay_plan(
        &self,
        vat_id: &str,
        incarnation: Option<i64>,
        from: ReplayFrom,
        monitor: &Monitor,
    ) -> Result<ReplayPlan> {
        let all = self.span_records(vat_id)?;
        let incarnation = match incarnation {
            Some(incarnation) => incarnation,
            None => {
                let current = all.iter().find(|span| span.is_current);
                current
                    .ok_or_else(|| HistoryFault::no_current(vat_id.as_bytes()))?
                    .incarnation
            }
        };
        let before = all.iter().rev().find(|span| span.incarnation < incarnation);
        let expected_start = before.map_or(0, |span| span.end_pos);
        let mut spans = of_incarnation(vat_id, all, incarnation)?;
        let is_current = spans.iter().any(|span| span.is_current);
        let mut problems = Vec::new();

        let (index, start) = match from {
            ReplayFrom::Snapshot => self.last_snapshot(&spans)?,
            ReplayFrom::Start => None,
        }
        .map_or((0, None), |(index, start)| (index, Some(start)));
        let start = match start {
            Some(start) => start,
            None => {
                let first = spans[0].start_pos;
                if first != expected_start {
                    problems.push(format!(
                        "the records of the incarnation's first spans are missing: \
                         they should start at {expected_start}, and start at {first}"
                    ));
                }
                self.first_start(&spans[0], is_current, &mut problems)?
            }
        };
        spans.drain(..index);
        self.complete_spans(&mut spans, monitor)?;
        if let Some((end, next)) = first_gap(&spans) {
            problems.push(format!(
                "the records of spans are missing: one ends at {end}, the next one starts at {next}"
            ));
        }

        let bundles = self.plan_bundles(&start, &mut problems)?;
        let snapshots = self.plan_snapshots(vat_id, &start, &mut problems)?;
        let missing = missing_parts(&spans, &bundles, &snapshots);
        let start_pos = spans.first().map_or(0, |span| span.start_pos);
        let end_pos = spans.last().map_or(0, |span| span.end_pos);
        let checkpoints = self.snapshots(Some(vat_id))?.into_iter();
        let checkpoints = checkpoints
            .filter(|snapshot| (start_pos..end_pos).contains(&snapshot.snap_pos))
            .map(|snapshot| Checkpoint {
                position: snapshot.snap_pos,
                snapshot_id: snapshot.hash,
            });
        Ok(ReplayPlan {
            vat_id: vat_id.to_owned(),
            incarnation,
            is_current,
            from,
            start_pos,
            end_pos,
            start,
            bundles,
            snapshots,
            checkpoints: checkpoints.collect(),
            complete: missing.is_empty() && problems.is_empty(),
            missing,
            problems,
            spans,
        })
    }
}
