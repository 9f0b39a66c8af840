//! The report of a verification.

use serde::{Serialize, Serializer};

use super::finding::{Finding, FindingKind};
use crate::store::encoding::fields;
use crate::store::encoding::fields::schema_of;
use crate::store::records::mode::ArtifactMode;

/// Counts of one kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Tally {
    /// The number of records.
    pub total: u64,
    /// The number of records whose contents were checked.
    pub checked: u64,
    /// The number of records whose contents are missing, completely or in part.
    pub pruned: u64,
    /// The number of bytes hashed: of items, of uncompressed images, or of bundles.
    pub bytes: u64,
}

/// Counts of everything in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Transcript spans.
    pub spans: Tally,
    /// Transcript items in spans.
    pub items: u64,
    /// Heap snapshots.
    pub snapshots: Tally,
    /// Bundles.
    pub bundles: Tally,
    /// Keys of the kvStore: the kernel's, its `local.` keys, and the host's.
    pub keys: u64,
    /// Export data changes that the host has not received yet. A sound store may have some.
    pub pending_exports: u64,
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The mode whose completeness was checked.
    pub mode: ArtifactMode,
    /// The block height that the host recorded, if any.
    pub block_height: Option<f64>,
    /// The problems, in the order of tables, IDs and positions.
    pub findings: Vec<Finding>,
    /// For each kind with more findings than the limit, the number of findings not listed.
    pub left_out: Vec<(FindingKind, u64)>,
    /// The number of artifacts that the mode needs and the store lacks, and that the other place has,
    /// with the right hash; `None` without such a place.
    pub elsewhere: Option<u64>,
    /// What the store contains, and what was checked.
    pub totals: Totals,
}

/// A [`Report`] in JSON: `VerificationReport` in `index.d.ts`.
#[derive(Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ReportFields<'a> {
    /// Whether there are no findings.
    ok: bool,
    /// The mode whose completeness was checked.
    artifact_mode: ArtifactMode,
    /// The block height that the host recorded, if any.
    #[serde(
        serialize_with = "fields::optional_number",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "cli", schemars(with = "Option<f64>"))]
    block_height: Option<f64>,
    /// The problems, in the order of tables, IDs and positions.
    findings: &'a [Finding],
    /// For each kind with more findings than the limit, the number of findings not listed.
    #[cfg_attr(
        feature = "cli",
        schemars(with = "std::collections::BTreeMap<String, u64>")
    )]
    left_out: LeftOut<'a>,
    /// The number of artifacts that the mode needs and the store lacks, and that the other place has,
    /// with the right hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<u64>,
    #[serde(flatten)]
    totals: Totals,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ReportFields {
            ok: self.is_sound(),
            artifact_mode: self.mode,
            block_height: self.block_height,
            findings: &self.findings,
            left_out: LeftOut(&self.left_out),
            elsewhere: self.elsewhere,
            totals: self.totals,
        }
        .serialize(serializer)
    }
}

schema_of!(Report, ReportFields<'_>);

/// [`Report::left_out`] as an object.
struct LeftOut<'a>(&'a [(FindingKind, u64)]);

impl Serialize for LeftOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = self.0.iter().map(|(kind, count)| (kind.name(), *count));
        fields::counts(counts, serializer)
    }
}

impl Report {
    /// Whether there are no findings.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// The number of findings, including those not listed.
    pub fn count(&self) -> u64 {
        self.findings.len() as u64 + self.left_out.iter().map(|(_, count)| count).sum::<u64>()
    }
}
