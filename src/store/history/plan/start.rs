//! Finds what the worker of a replay starts from.

use serde::Serialize;

use crate::store::encoding::json::Json;
use crate::store::error::Result;
use crate::store::history::entry::{Entry, JsonText};
use crate::store::history::handle::{History, readable};
use crate::store::history::spans::SpanInfo;

/// The source of the information about a worker's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum LearnedFrom {
    /// The first item of the transcript.
    Transcript,
    /// The kernel's keys `vNN.source` and `vNN.options`, because that item was pruned. They describe
    /// the current incarnation.
    KvStore,
    /// The record of the snapshot, because that item was pruned.
    Snapshots,
}

/// What a worker starts from.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ReplayStart {
    /// Bundles.
    #[serde(rename_all = "camelCase")]
    InitializeWorker {
        /// The position of the `initialize-worker`.
        position: i64,
        /// The vat's bundle.
        #[serde(rename = "bundleID")]
        bundle_id: Option<String>,
        /// The worker's type, and the IDs of its own bundles.
        worker_options: JsonText,
        /// The source of this information.
        learned_from: LearnedFrom,
    },
    /// A heap snapshot.
    #[serde(rename_all = "camelCase")]
    LoadSnapshot {
        /// The position of the `load-snapshot`.
        position: i64,
        /// The snapshot's hash.
        #[serde(rename = "snapshotID")]
        snapshot_id: String,
        /// The source of this information.
        learned_from: LearnedFrom,
    },
    /// Unknown; the plan's problems say why.
    Unknown {
        /// The position at which the replay would start.
        position: i64,
    },
}

impl History {
    /// Returns the index of the last span that starts from a snapshot, and its start.
    pub(super) fn last_snapshot(&self, spans: &[SpanInfo]) -> Result<Option<(usize, ReplayStart)>> {
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

    /// Finds what the incarnation whose first span is `span` was started from.
    pub(super) fn first_start(
        &self,
        span: &SpanInfo,
        is_current: bool,
        problems: &mut Vec<String>,
    ) -> Result<ReplayStart> {
        let position = span.start_pos;
        let mut entry = self.ask(|db| Entry::read(db, span, position))?;
        if let Entry::Pruned { .. } = entry
            && let Some(fetched) = self.fetch_first_entry(span)?
        {
            entry = fetched;
        }
        let problem = match entry {
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
                "it was pruned, and the kernel's keys do not say it either".to_owned()
            }
            Entry::Pruned { artifact } => {
                format!("it was pruned; the artifact {artifact} contains it")
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

    /// Finds in the kernel's keys what the vat's current incarnation was started from.
    pub(super) fn start_by_options(
        &self,
        vat_id: &str,
        position: i64,
    ) -> Result<Option<ReplayStart>> {
        let id = vat_id.as_bytes();
        let (source, options) = self.ask(|db| Ok((db.vat_source(id)?, db.vat_options(id)?)))?;
        let (Some(source), Some(options)) = (source, options) else {
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
}
