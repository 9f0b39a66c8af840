//! Vats: what the store knows about them.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::contents::SnapshotSummary;
use super::entry::JsonText;
use super::handle::{History, readable};
use super::incarnations::by_incarnation;
use super::spans::{Populated, SpanInfo};
use crate::store::encoding::json::Json;
use crate::store::error::history::Fault;
use crate::store::error::{Error, Result};
use crate::store::tasks::monitor::Monitor;

/// Whether a vat is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum VatState {
    /// It has a current span.
    Live,
    /// The kernel lists it in `vats.terminated`, and is deleting it.
    Terminated,
    /// Neither, but some of its data remains.
    Gone,
}

impl VatState {
    /// The state's name.
    pub fn name(self) -> &'static str {
        match self {
            VatState::Live => "live",
            VatState::Terminated => "terminated",
            VatState::Gone => "gone",
        }
    }
}

/// How a vat was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum VatKind {
    /// With the kernel, under a name.
    Static,
    /// Later, by another vat.
    Dynamic,
}

/// What the store knows about a vat.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VatInfo {
    /// Its ID.
    #[serde(rename = "vatID")]
    pub vat_id: String,
    /// Its name, which a static vat has in the kernel, and a dynamic one in its options.
    pub name: Option<String>,
    /// How it was created, if the kernel's state says so.
    pub kind: Option<VatKind>,
    /// Whether it is live.
    pub state: VatState,
    /// Whether the kernel's state contains the vat.
    pub in_kernel: bool,
    /// Its current incarnation, or the last one that has spans.
    pub incarnation: Option<i64>,
    /// The number of incarnations that have spans.
    pub incarnations: usize,
    /// Its end position, exclusive: the number of items it ever had.
    pub end_pos: i64,
    /// The number of its spans.
    pub spans: usize,
    /// The number of spans whose items are all present.
    pub populated_spans: usize,
    /// The number of items present.
    pub items: i64,
    /// The size of those items in bytes, if measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The number of snapshot records.
    pub snapshots: usize,
    /// The number of snapshots whose image is present.
    pub populated_snapshots: usize,
    /// The size of those compressed images in bytes.
    pub snapshot_bytes: i64,
    /// The vat's source, as the kernel recorded it.
    pub source: Option<JsonText>,
    /// The vat's options, as the kernel recorded them.
    pub options: Option<JsonText>,
}

/// What the kernel's keys say about vats.
struct Known {
    names: HashMap<String, String>,
    dynamic: HashSet<String>,
    terminated: HashSet<String>,
}

impl History {
    /// Returns all vats that appear in the transcripts, the snapshots or the kernel's state, in the
    /// order of their numbers.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub fn vats(&self, monitor: &Monitor) -> Result<Vec<VatInfo>> {
        let spans = self.all_spans(monitor)?;
        self.vats_with(&spans, &self.snapshots(None)?, monitor)
    }

    /// Like [`History::vats`], but takes all spans, from [`History::all_spans`], and all snapshots.
    ///
    /// # Errors
    /// The errors of [`History::vats`].
    pub fn vats_with(
        &self,
        spans: &[SpanInfo],
        all_snapshots: &[SnapshotSummary],
        monitor: &Monitor,
    ) -> Result<Vec<VatInfo>> {
        let mut snapshots: HashMap<&str, &[SnapshotSummary]> = HashMap::new();
        for of_vat in all_snapshots.chunk_by(|one, next| one.vat_id == next.vat_id) {
            snapshots.insert(&of_vat[0].vat_id, of_vat);
        }
        let mut by_vat: HashMap<&str, &[SpanInfo]> = HashMap::new();
        for spans in spans.chunk_by(|one, next| one.vat_id == next.vat_id) {
            by_vat.insert(&spans[0].vat_id, spans);
        }
        let known = self.known_vats()?;
        let mut ids: Vec<String> = by_vat.keys().map(|id| (*id).to_owned()).collect();
        ids.extend(snapshots.keys().map(|id| (*id).to_owned()));
        ids.extend(known.names.keys().cloned());
        ids.extend(known.dynamic.iter().cloned());
        ids.extend(known.terminated.iter().cloned());
        ids.extend(
            self.ask(|db| db.vats_with_keys())?
                .iter()
                .map(|id| readable(id)),
        );
        ids.sort_unstable_by(|one, other| in_order(one).cmp(&in_order(other)));
        ids.dedup();
        let vats = ids.into_iter().map(|id| {
            self.check(monitor)?;
            let spans = by_vat.get(id.as_str()).copied().unwrap_or_default();
            let snapshots = snapshots.get(id.as_str()).copied().unwrap_or_default();
            self.vat_info(id, spans, snapshots, &known)
        });
        vats.collect()
    }

    /// Returns one vat.
    ///
    /// # Errors
    /// [`Error::History`] if it appears nowhere in the store;
    /// [`Error::Aborted`]; SQLite's errors.
    pub fn vat(&self, vat_id: &str, monitor: &Monitor) -> Result<VatInfo> {
        let known = self.known_vats()?;
        let snapshots = self.snapshots(Some(vat_id))?;
        let mut spans = self.find_spans(vat_id)?;
        // The kernel may know a vat without a transcript.
        let is_known = !spans.is_empty()
            || !snapshots.is_empty()
            || known.names.contains_key(vat_id)
            || known.dynamic.contains(vat_id)
            || known.terminated.contains(vat_id)
            || self
                .ask(|db| db.vats_with_keys())?
                .iter()
                .any(|id| id == vat_id.as_bytes());
        if !is_known {
            return Err(Fault::no_vat(vat_id.as_bytes()));
        }
        self.complete_spans(&mut spans, monitor)?;
        self.vat_info(vat_id.to_owned(), &spans, &snapshots, &known)
    }

    /// Finds a vat by its ID or its name ([`VatInfo::name`]), and returns its ID. An ID takes
    /// precedence over a name. Returns `called` itself if no vat matches.
    ///
    /// # Errors
    /// [`Error::History`] if several vats have the name;
    /// [`Error::Aborted`]; SQLite's errors.
    pub fn vat_called(&self, called: &str, monitor: &Monitor) -> Result<String> {
        match self.vat(called, monitor) {
            Err(Error::History(_)) => {}
            outcome => return outcome.map(|vat| vat.vat_id),
        }
        let mut found = Vec::new();
        for vat in self.vats(monitor)? {
            if vat.name.as_deref() == Some(called) {
                found.push(vat.vat_id);
            }
        }
        match &found[..] {
            [] => Ok(called.to_owned()),
            [vat_id] => Ok(vat_id.clone()),
            several => Err(Fault::several_vats(called, several)),
        }
    }

    fn known_vats(&self) -> Result<Known> {
        self.ask(|db| {
            let ids = |found: Vec<Vec<u8>>| found.iter().map(|id| readable(id)).collect();
            let names = db.static_vats()?;
            let names = names
                .iter()
                .map(|(name, id)| (readable(id), readable(name)));
            Ok(Known {
                names: names.collect(),
                dynamic: ids(db.dynamic_vats()?),
                terminated: ids(db.terminated_vats()?),
            })
        })
    }

    fn vat_info(
        &self,
        vat_id: String,
        spans: &[SpanInfo],
        snapshots: &[SnapshotSummary],
        known: &Known,
    ) -> Result<VatInfo> {
        let id = vat_id.as_bytes();
        let (in_kernel, source, options) = self.ask(|db| {
            let (source, options) = (db.vat_source(id)?, db.vat_options(id)?);
            Ok((db.kernel_has_vat(id)?, source, options))
        })?;
        let [source, options] = [source, options].map(with_text);
        let name_in_options = || {
            let (options, _) = options.as_ref()?;
            options.get("name").and_then(Json::as_str).map(readable)
        };
        let current = spans.iter().find(|span| span.is_current);
        let populated: Vec<_> = snapshots
            .iter()
            .filter(|snapshot| snapshot.populated == Populated::All)
            .collect();
        let images = populated.iter().filter_map(|one| one.compressed_size);
        Ok(VatInfo {
            name: known.names.get(&vat_id).cloned().or_else(name_in_options),
            kind: if known.names.contains_key(&vat_id) {
                Some(VatKind::Static)
            } else {
                known.dynamic.contains(&vat_id).then_some(VatKind::Dynamic)
            },
            state: if known.terminated.contains(&vat_id) {
                VatState::Terminated
            } else if current.is_some() {
                VatState::Live
            } else {
                VatState::Gone
            },
            in_kernel,
            incarnation: current.or(spans.last()).map(|span| span.incarnation),
            incarnations: by_incarnation(spans).count(),
            end_pos: spans.last().map_or(0, |span| span.end_pos),
            spans: spans.len(),
            populated_spans: spans
                .iter()
                .filter(|span| span.populated == Populated::All)
                .count(),
            items: spans.iter().map(|span| span.items).sum(),
            bytes: spans.iter().map(|span| span.bytes).sum(),
            snapshots: snapshots.len(),
            populated_snapshots: populated.len(),
            snapshot_bytes: images.fold(0, i64::saturating_add),
            source: source.map(|(_, text)| text),
            options: options.map(|(_, text)| text),
            vat_id,
        })
    }
}

/// Adds the JSON text to a value. `None` if the value is nested too deeply.
fn with_text(value: Option<Json>) -> Option<(Json, JsonText)> {
    let value = value?;
    let text = JsonText::new(&value)?;
    Some((value, text))
}

/// The sort key of a vat ID: `v10` sorts after `v9`.
fn in_order(vat_id: &str) -> (&str, usize, &str) {
    let digits = vat_id.trim_start_matches(|c: char| !c.is_ascii_digit());
    let prefix = &vat_id[..vat_id.len() - digits.len()];
    let number = digits.trim_start_matches('0');
    // Of two numbers without leading zeros, the longer one is greater.
    let length = number.find(|c: char| !c.is_ascii_digit());
    (prefix, length.unwrap_or(number.len()), vat_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vats_are_in_the_order_of_their_numbers() {
        let mut ids = ["v10", "v9", "x", "v1", "v100", "a-2", "v2x", "", "v01"];
        ids.sort_unstable_by(|one, other| in_order(one).cmp(&in_order(other)));
        assert_eq!(
            ids,
            ["", "a-2", "v01", "v1", "v2x", "v9", "v10", "v100", "x"]
        );
    }
}
