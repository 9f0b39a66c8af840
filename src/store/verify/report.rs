//! What a verification comes to.

use serde::{Serialize, Serializer};

use super::finding::{Finding, FindingKind};
use crate::store::encoding::fields;
use crate::store::records::mode::ArtifactMode;

/// How much there is of something, and how much of it was looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// How many records there are.
    pub total: u64,
    /// Of these, how many had contents, which were checked.
    pub checked: u64,
    /// Of these, how many have no contents any more.
    pub pruned: u64,
    /// How many bytes were hashed: of items, of uncompressed images, of bundles.
    pub bytes: u64,
}

/// What there is in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
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
    /// Keys of the kvStore: the kernel's, this machine's and the host's.
    pub keys: u64,
    /// Changes of the export data that the host has yet to be told. Some may well be left.
    pub pending_exports: u64,
}

/// What a verification comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The mode whose completeness was checked.
    pub mode: ArtifactMode,
    /// The block height that the host has noted, if it has.
    pub block_height: Option<f64>,
    /// What is wrong, in the order of tables, IDs and positions.
    pub findings: Vec<Finding>,
    /// How many more findings of a kind there are than are listed.
    pub left_out: Vec<(FindingKind, u64)>,
    /// What there is, and what was checked.
    pub totals: Totals,
}

impl Serialize for Report {
    /// The fields of `VerificationReport` in `index.d.ts`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields<'a> {
            ok: bool,
            artifact_mode: ArtifactMode,
            #[serde(
                serialize_with = "fields::optional_number",
                skip_serializing_if = "Option::is_none"
            )]
            block_height: Option<f64>,
            findings: &'a [Finding],
            left_out: LeftOut<'a>,
            #[serde(flatten)]
            totals: Totals,
        }
        Fields {
            ok: self.is_sound(),
            artifact_mode: self.mode,
            block_height: self.block_height,
            findings: &self.findings,
            left_out: LeftOut(&self.left_out),
            totals: self.totals,
        }
        .serialize(serializer)
    }
}

/// [`Report::left_out`] as an object.
struct LeftOut<'a>(&'a [(FindingKind, u64)]);

impl Serialize for LeftOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = self.0.iter().map(|(kind, count)| (kind.name(), *count));
        fields::counts(counts, serializer)
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// How many findings there are, those left out included.
    pub fn count(&self) -> u64 {
        self.findings.len() as u64 + self.left_out.iter().map(|(_, count)| count).sum::<u64>()
    }
}
