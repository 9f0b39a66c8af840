//! What it takes to replay an incarnation: what to start a worker from, and which spans to feed it.

use std::collections::HashSet;

use serde::Serialize;

use super::entry::JsonText;
use super::incarnations::first_gap;
use super::items::of_incarnation;
use super::spans::{Populated, SpanInfo};
use super::{BundlePlace, Entry, History, HistoryFault, SnapshotInfo, readable};
use crate::store::artifact;
use crate::store::error::Result;
use crate::store::js_json::{self, Json};
use crate::store::progress::Monitor;

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

/// What says what a worker is started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LearnedFrom {
    /// The transcript's own first item.
    Transcript,
    /// The kernel's notes of the vat, `vNN.source` and `vNN.options`, because that item is not
    /// there. They are those of the current incarnation.
    KvStore,
    /// The record of the snapshot, because that item is not there.
    Snapshots,
}

/// What to start a worker from.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ReplayStart {
    /// From bundles.
    #[serde(rename_all = "camelCase")]
    InitializeWorker {
        /// the position of the `initialize-worker`
        position: i64,
        /// the vat's bundle
        #[serde(rename = "bundleID")]
        bundle_id: Option<String>,
        /// the worker's type, and the IDs of its own bundles
        worker_options: JsonText,
        /// what says so
        learned_from: LearnedFrom,
    },
    /// From a heap snapshot.
    #[serde(rename_all = "camelCase")]
    LoadSnapshot {
        /// the position of the `load-snapshot`
        position: i64,
        /// the snapshot's hash
        #[serde(rename = "snapshotID")]
        snapshot_id: String,
        /// what says so
        learned_from: LearnedFrom,
    },
    /// Nothing in the store says it; the plan's problems say why.
    Unknown {
        /// where the replay would begin
        position: i64,
    },
}

/// A span that is to be fed to the worker.
pub type PlanSpan = SpanInfo;

/// A snapshot that the plan takes.
pub type PlanSnapshot = SnapshotInfo;

/// A bundle that the plan takes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanBundle {
    /// its ID
    #[serde(rename = "bundleID")]
    pub bundle_id: String,
    /// what it is for: `vat` for the vat's code, `worker` for what the worker loads before it
    pub role: &'static str,
    /// where its contents are; `None` if they are not there
    pub stored_in: Option<BundlePlace>,
    /// the artifact that has its contents
    pub artifact: String,
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

/// Something that the plan takes and the store lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingPart {
    /// `transcript`, `snapshot` or `bundle`
    pub kind: &'static str,
    /// the artifact that would fill it
    pub artifact: String,
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
    pub spans: Vec<PlanSpan>,
    /// the bundles that it is started from; a snapshot has them in it
    pub bundles: Vec<PlanBundle>,
    /// the snapshot that it is started from, if it is
    pub snapshots: Vec<PlanSnapshot>,
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
    /// [`Error::History`](crate::store::Error::History) if the store has no transcript of the vat,
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

    /// The last span that begins with a snapshot, by its number, and that beginning.
    fn last_snapshot(&self, spans: &[SpanInfo]) -> Result<Option<(usize, ReplayStart)>> {
        for (index, span) in spans.iter().enumerate().rev() {
            let position = span.start_pos;
            let (snapshot_id, learned_from) =
                match self.ask(|db| Entry::read(db, span, position))? {
                    Entry::LoadSnapshot { snapshot_id } => (snapshot_id, LearnedFrom::Transcript),
                    Entry::Pruned { .. } => {
                        let snap_pos = position.saturating_sub(1);
                        match self.ask(|db| db.find_snapshot_at(&span.vat_id, snap_pos))? {
                            Some(snapshot) => (snapshot.hash, LearnedFrom::Snapshots),
                            None => continue,
                        }
                    }
                    _ => continue,
                };
            let start = ReplayStart::LoadSnapshot {
                position,
                snapshot_id,
                learned_from,
            };
            return Ok(Some((index, start)));
        }
        Ok(None)
    }

    /// What the incarnation that begins with this span was started from.
    fn first_start(
        &self,
        span: &SpanInfo,
        is_current: bool,
        problems: &mut Vec<String>,
    ) -> Result<ReplayStart> {
        let position = span.start_pos;
        let problem = match self.ask(|db| Entry::read(db, span, position))? {
            Entry::InitializeWorker {
                bundle_id,
                worker_options,
            } => {
                return Ok(ReplayStart::InitializeWorker {
                    position,
                    bundle_id,
                    worker_options,
                    learned_from: LearnedFrom::Transcript,
                });
            }
            Entry::Pruned { .. } if is_current => {
                if let Some(start) = self.start_by_options(&span.vat_id, position)? {
                    return Ok(start);
                }
                "it is not there, nor do the kernel's notes of the vat say it".to_owned()
            }
            Entry::Pruned { artifact } => {
                format!("it is not there; the artifact {artifact} has it")
            }
            Entry::LoadSnapshot { .. } => "it is a load-snapshot".to_owned(),
            Entry::SaveSnapshot { .. } => "it is a save-snapshot".to_owned(),
            Entry::ShutdownWorker => "it is a shutdown-worker".to_owned(),
            Entry::Delivery { delivery } => format!("it is a delivery ({delivery})"),
            Entry::Unknown { problem } => problem,
        };
        problems.push(format!(
            "the item at {position} should say what the worker is started from: {problem}"
        ));
        Ok(ReplayStart::Unknown { position })
    }

    /// What the kernel's notes say that the vat's current incarnation was started from.
    fn start_by_options(&self, vat_id: &str, position: i64) -> Result<Option<ReplayStart>> {
        let (source, options) = self.ask(|db| db.source_and_options(vat_id))?;
        let (Some((source, _)), Some((options, _))) = (source, options) else {
            return Ok(None);
        };
        let worker_options = options.get("workerOptions");
        let worker_options = worker_options.filter(|found| found.as_object().is_some());
        let bundle_id = source.get("bundleID").and_then(Json::as_str);
        Ok(worker_options
            .and_then(JsonText::new)
            .map(|worker_options| ReplayStart::InitializeWorker {
                position,
                bundle_id: bundle_id.map(readable),
                worker_options,
                learned_from: LearnedFrom::KvStore,
            }))
    }

    /// The bundles that a worker is started from: its own, in the order in which it loads them,
    /// and the vat's.
    fn plan_bundles(
        &self,
        start: &ReplayStart,
        problems: &mut Vec<String>,
    ) -> Result<Vec<PlanBundle>> {
        let ReplayStart::InitializeWorker {
            bundle_id,
            worker_options,
            ..
        } = start
        else {
            return Ok(Vec::new());
        };
        let options = js_json::parse(worker_options.get().as_bytes()).ok();
        let option = |name| options.as_ref().and_then(|options| options.get(name));
        let ids = option("bundleIDs").and_then(Json::as_array);
        if ids.is_none() && option("type").and_then(Json::as_str) == Some(b"xsnap") {
            problems.push("the worker's options do not name its bundles (bundleIDs)".into());
        }
        let ids = ids.unwrap_or_default().iter().filter_map(Json::as_str);
        let mut wanted: Vec<(String, &'static str)> =
            ids.map(|id| (readable(id), "worker")).collect();
        match bundle_id {
            Some(id) => wanted.push((id.clone(), "vat")),
            None => problems.push(
                "the vat's own bundle is not named: it was made from a bundle without an ID".into(),
            ),
        }
        wanted
            .into_iter()
            .map(|(bundle_id, role)| {
                let found = self.ask(|db| db.find_bundle(bundle_id.as_bytes()))?;
                Ok(PlanBundle {
                    artifact: readable(&artifact::bundle_name(bundle_id.as_bytes())),
                    stored_in: found.map(|(place, _)| place),
                    bundle_id,
                    role,
                })
            })
            .collect()
    }

    /// The snapshot that a worker is started from, if it is.
    fn plan_snapshots(
        &self,
        vat_id: &str,
        start: &ReplayStart,
        problems: &mut Vec<String>,
    ) -> Result<Vec<PlanSnapshot>> {
        let ReplayStart::LoadSnapshot {
            position,
            snapshot_id,
            ..
        } = start
        else {
            return Ok(Vec::new());
        };
        let snap_pos = position.saturating_sub(1);
        let there = self.ask(|db| db.find_snapshot_at(vat_id, snap_pos))?;
        let found = match there {
            Some(snapshot) if snapshot.hash == *snapshot_id => Some(snapshot),
            _ => self.ask(|db| db.find_snapshot_of_hash(vat_id, snapshot_id))?,
        };
        Ok(match found {
            Some(snapshot) => vec![snapshot],
            None => {
                problems.push(format!(
                    "the store has no record of the snapshot {snapshot_id}, which would be \
                     {vat_id}'s at {snap_pos}"
                ));
                Vec::new()
            }
        })
    }
}

/// What of a plan is not in the store, each artifact once.
fn missing_parts(
    spans: &[SpanInfo],
    bundles: &[PlanBundle],
    snapshots: &[SnapshotInfo],
) -> Vec<MissingPart> {
    let of_kind = |kind| move |artifact: &String| (kind, artifact.clone());
    let bundles = bundles.iter().filter(|bundle| bundle.stored_in.is_none());
    let snapshots = snapshots
        .iter()
        .filter(|one| one.populated != Populated::All);
    let spans = spans.iter().filter(|span| span.populated != Populated::All);
    let mut seen = HashSet::new();
    bundles
        .map(|bundle| &bundle.artifact)
        .map(of_kind("bundle"))
        .chain(snapshots.map(|one| &one.artifact).map(of_kind("snapshot")))
        .chain(spans.map(|span| &span.artifact).map(of_kind("transcript")))
        .filter(|(_, artifact)| seen.insert(artifact.clone()))
        .map(|(kind, artifact)| MissingPart { kind, artifact })
        .collect()
}
