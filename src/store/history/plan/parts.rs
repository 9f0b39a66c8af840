//! The bundles and snapshots that a replay needs, and the contents that the store lacks.

use std::collections::HashSet;

use serde::Serialize;

use super::start::ReplayStart;
use crate::store::encoding::json;
use crate::store::encoding::json::Json;
use crate::store::error::Result;
use crate::store::history::contents::{BundlePlace, SnapshotSummary};
use crate::store::history::handle::{History, readable};
use crate::store::history::spans::{Populated, SpanInfo};
use crate::store::records::names;

/// A bundle that a replay needs.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PlanBundle {
    /// Its ID.
    #[serde(rename = "bundleID")]
    pub bundle_id: String,
    /// Its use: `vat` for the vat's code, `worker` for code that the worker loads before it.
    #[cfg_attr(feature = "cli", schemars(extend("enum" = ["vat", "worker"])))]
    pub role: &'static str,
    /// Where its contents are stored; `None` if they are missing.
    pub stored_in: Option<BundlePlace>,
    /// The name of its artifact.
    pub artifact: String,
}

/// Contents that a replay needs and the store lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct MissingPart {
    /// `transcript`, `snapshot` or `bundle`.
    #[cfg_attr(feature = "cli", schemars(extend("enum" = ["transcript", "snapshot", "bundle"])))]
    pub kind: &'static str,
    /// The artifact that contains it.
    pub artifact: String,
}

impl History {
    /// Returns the bundles that a worker starts from: the worker's own, in the order of loading,
    /// and the vat's.
    pub(super) fn plan_bundles(
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
        let options = json::parse(worker_options.get().as_bytes()).ok();
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
                    artifact: readable(&names::bundle_name(bundle_id.as_bytes())),
                    stored_in: found.map(|(place, _)| place),
                    bundle_id,
                    role,
                })
            })
            .collect()
    }

    /// Returns the snapshot that a worker starts from, if any.
    pub(super) fn plan_snapshots(
        &self,
        vat_id: &str,
        start: &ReplayStart,
        problems: &mut Vec<String>,
    ) -> Result<Vec<SnapshotSummary>> {
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

/// Returns the contents that the store lacks, each artifact once.
pub(super) fn missing_parts(
    spans: &[SpanInfo],
    bundles: &[PlanBundle],
    snapshots: &[SnapshotSummary],
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
