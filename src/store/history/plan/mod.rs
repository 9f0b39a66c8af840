//! Plans the replay of an incarnation: what to start a worker from, and which spans to replay.

mod parts;
mod start;

use serde::{Deserialize, Serialize};

use super::contents::SnapshotSummary;
use super::handle::History;
use super::incarnations::first_gap;
use super::items::of_incarnation;
use super::spans::SpanInfo;
use crate::store::error::Result;
use crate::store::error::history::Fault;
use crate::store::tasks::monitor::Monitor;

use parts::missing_parts;
pub use parts::{MissingPart, PlanBundle};
pub use start::{LearnedFrom, ReplayStart};

/// Where a replay starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReplayFrom {
    /// At the start of the incarnation, from bundles.
    #[default]
    Start,
    /// At the incarnation's last heap snapshot, like a kernel; at the start if it has none.
    Snapshot,
}

/// A position at which the replay can be compared with the original.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The position of the `save-snapshot`.
    pub position: i64,
    /// The hash that the heap image must have.
    #[serde(rename = "snapshotID")]
    pub snapshot_id: String,
}

/// The plan of a replay.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReplayPlan {
    /// The vat.
    #[serde(rename = "vatID")]
    pub vat_id: String,
    /// The incarnation.
    pub incarnation: i64,
    /// Whether it is the vat's current incarnation.
    pub is_current: bool,
    /// The requested start.
    pub from: ReplayFrom,
    /// The first position to replay.
    pub start_pos: i64,
    /// The end position, exclusive.
    pub end_pos: i64,
    /// What to start the worker from.
    pub start: ReplayStart,
    /// The spans to replay, in order.
    pub spans: Vec<SpanInfo>,
    /// The bundles that the worker loads; none if it starts from a snapshot.
    pub bundles: Vec<PlanBundle>,
    /// The snapshot that the worker starts from, if any.
    pub snapshots: Vec<SnapshotSummary>,
    /// The positions at which the replay can be compared with the original.
    pub checkpoints: Vec<Checkpoint>,
    /// The contents that the store lacks; with another place, that this lacks, too.
    pub missing: Vec<MissingPart>,
    /// The contents that the store lacks and the other place has, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Vec<MissingPart>>,
    /// The reasons why the replay is impossible that no artifact would remove.
    pub problems: Vec<String>,
    /// Whether nothing is missing and there are no problems.
    pub complete: bool,
}

impl History {
    /// Plans the replay of an incarnation of a vat, by default the current one.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) if the store has no transcript of the vat,
    /// the vat has no such incarnation, or no current one; SQLite's errors. With another place, also
    /// those of [`ItemsReader`](super::ItemsReader), apart from contents that it lacks.
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
                    .ok_or_else(|| Fault::no_current(vat_id.as_bytes()))?
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
        let (elsewhere, missing) = self.find_elsewhere(missing, monitor)?;
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
            elsewhere: self.source().map(|_| elsewhere),
            problems,
            spans,
        })
    }
}
