//! The result of a comparison.

use serde::{Serialize, Serializer};

use crate::store::encoding::fields;
use crate::store::encoding::fields::schema_of;

/// The side that has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// Only the first.
    A,
    /// Only the second.
    B,
    /// Both, with differences.
    Both,
}

impl Which {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Which::A => "a",
            Which::B => "b",
            Which::Both => "both",
        }
    }
}

/// The kind of thing that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A record of the export data.
    Record,
    /// A key that is not exported: a `host.` or `local.` key.
    LocalKey,
    /// An artifact.
    Artifact,
}

impl Subject {
    /// All kinds, in the order of comparison.
    pub const ALL: [Subject; 3] = [Subject::Record, Subject::LocalKey, Subject::Artifact];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Record => "record",
            Subject::LocalKey => "local-key",
            Subject::Artifact => "artifact",
        }
    }
}

/// A difference between the two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The kind of thing.
    pub subject: Subject,
    /// The side that has it.
    pub which: Which,
    /// The key of the record, the local key, or the artifact's name.
    pub name: Vec<u8>,
    /// The values of a record or key on each side, truncated if they are very long.
    pub values: [Option<Vec<u8>>; 2],
    /// How the bytes of an artifact differ, if both sides have it.
    pub detail: Option<String>,
}

/// A [`Difference`] in JSON: `SwingStoreDifference` in `index.d.ts`.
#[derive(Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct DifferenceFields<'a> {
    /// The kind of thing that differs.
    #[cfg_attr(feature = "cli", schemars(extend("enum" = Subject::ALL.map(Subject::name))))]
    subject: &'static str,
    /// The sides that have it.
    #[cfg_attr(feature = "cli", schemars(extend("enum" = ["a", "b", "both"])))]
    r#in: &'static str,
    /// The key, or the name of the artifact.
    #[serde(serialize_with = "fields::text")]
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    name: &'a [u8],
    /// The value on the first side, truncated if it is long.
    #[serde(
        serialize_with = "fields::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    a: Option<&'a [u8]>,
    /// The value on the second side, truncated if it is long.
    #[serde(
        serialize_with = "fields::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    b: Option<&'a [u8]>,
    /// What differs in an artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [a, b] = &self.values;
        DifferenceFields {
            subject: self.subject.name(),
            r#in: self.which.name(),
            name: &self.name,
            a: a.as_deref(),
            b: b.as_deref(),
            detail: self.detail.as_deref(),
        }
        .serialize(serializer)
    }
}

schema_of!(Difference, DifferenceFields<'_>);

/// Counts of one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DifferenceCounts {
    /// The number on the first side.
    pub a: u64,
    /// The number on the second side.
    pub b: u64,
    /// The number only on the first side.
    pub only_a: u64,
    /// The number only on the second side.
    pub only_b: u64,
    /// The number on both sides with differences.
    pub differing: u64,
}

impl DifferenceCounts {
    /// The number of differences.
    pub fn differences(&self) -> u64 {
        self.only_a + self.only_b + self.differing
    }
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct DiffReport {
    /// The block heights of both sides, if known.
    pub block_heights: [Option<f64>; 2],
    /// The differences: records, then local keys, then artifacts, each sorted by key or name.
    pub differences: Vec<Difference>,
    /// The number of differences that are not listed.
    pub left_out: u64,
    /// Counts of export data records; `None` if one side has no export data.
    pub records: Option<DifferenceCounts>,
    /// Counts of the keys that are not exported; `None` if they were not compared.
    pub local_keys: Option<DifferenceCounts>,
    /// Counts of artifacts; `None` if one side is an export without artifacts.
    pub artifacts: Option<DifferenceCounts>,
    /// The number of artifacts that were compared byte for byte.
    pub contents: u64,
}

/// A [`DiffReport`] in JSON: `SwingStoreDiff` in `index.d.ts`.
#[derive(Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct DiffFields<'a> {
    /// Whether there is no difference.
    same: bool,
    /// The block heights of both sides; `null` if one is not known.
    #[serde(serialize_with = "fields::optional_numbers")]
    #[cfg_attr(feature = "cli", schemars(with = "[Option<f64>; 2]"))]
    block_heights: &'a [Option<f64>],
    /// The differences: records, then local keys, then artifacts, each sorted by key or name.
    differences: &'a [Difference],
    /// The number of differences that are not listed.
    left_out: u64,
    /// Counts of export data records, unless one side has no export data.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<DifferenceCounts>,
    /// Counts of the keys that are not exported, if they were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    local_keys: Option<DifferenceCounts>,
    /// Counts of artifacts, unless one side is an export without artifacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<DifferenceCounts>,
    /// The number of artifacts that were compared byte for byte.
    contents: u64,
}

impl Serialize for DiffReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DiffFields {
            same: self.is_same(),
            block_heights: &self.block_heights,
            differences: &self.differences,
            left_out: self.left_out,
            records: self.records,
            local_keys: self.local_keys,
            artifacts: self.artifacts,
            contents: self.contents,
        }
        .serialize(serializer)
    }
}

schema_of!(DiffReport, DiffFields<'_>);

impl DiffReport {
    /// Whether there is no difference.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.left_out == 0
    }
}

/// How many bytes of a value a difference keeps.
const MOST_BYTES: usize = 1000;

/// A value as a difference shows it.
pub(super) fn cut(value: &[u8]) -> Vec<u8> {
    if value.len() <= MOST_BYTES {
        return value.to_vec();
    }
    let mut cut = value[..MOST_BYTES].to_vec();
    cut.extend_from_slice(format!("… ({} bytes)", value.len()).as_bytes());
    cut
}

/// Collects differences: keeps the first ones, and counts the others.
pub(super) struct Differences {
    limit: usize,
    pub(super) list: Vec<Difference>,
    pub(super) left_out: u64,
}

impl Differences {
    pub(super) fn new(limit: usize) -> Differences {
        Differences {
            limit,
            list: Vec::new(),
            left_out: 0,
        }
    }

    pub(super) fn add(&mut self, difference: impl FnOnce() -> Difference) {
        if self.list.len() < self.limit {
            self.list.push(difference());
        } else {
            self.left_out += 1;
        }
    }
}
