//! What a comparison comes to.

use serde::{Serialize, Serializer};

use crate::store::encoding::fields;

/// Which of the two has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// Only the first.
    A,
    /// Only the second.
    B,
    /// Both, but it is not the same.
    Both,
}

impl Which {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Which::A => "a",
            Which::B => "b",
            Which::Both => "both",
        }
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A record of the export data.
    Record,
    /// A key that is not exported: the host's, or this machine's.
    LocalKey,
    /// An artifact.
    Artifact,
}

impl Subject {
    /// All of them, in the order in which they are compared.
    pub const ALL: [Subject; 3] = [Subject::Record, Subject::LocalKey, Subject::Artifact];

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Record => "record",
            Subject::LocalKey => "local-key",
            Subject::Artifact => "artifact",
        }
    }
}

/// Something that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub subject: Subject,
    /// Who has it.
    pub which: Which,
    /// The record's or the local key, or the artifact's name.
    pub name: Vec<u8>,
    /// The values of a record or key; long ones are cut off.
    pub values: [Option<Vec<u8>>; 2],
    /// Of an artifact that both have, how its bytes differ.
    pub detail: Option<String>,
}

impl Serialize for Difference {
    /// The fields of `SwingStoreDifference` in `index.d.ts`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            subject: &'static str,
            r#in: &'static str,
            #[serde(serialize_with = "fields::text")]
            name: &'a [u8],
            #[serde(
                serialize_with = "fields::optional_text",
                skip_serializing_if = "Option::is_none"
            )]
            a: Option<&'a [u8]>,
            #[serde(
                serialize_with = "fields::optional_text",
                skip_serializing_if = "Option::is_none"
            )]
            b: Option<&'a [u8]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a str>,
        }
        let [a, b] = &self.values;
        Fields {
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

/// How much of one subject there is, and how much differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceCounts {
    /// How many the first has.
    pub a: u64,
    /// How many the second has.
    pub b: u64,
    /// How many the first alone has.
    pub only_a: u64,
    /// How many the second alone has.
    pub only_b: u64,
    /// How many both have, but not the same.
    pub differing: u64,
}

impl DifferenceCounts {
    /// How many differences there are.
    pub fn differences(&self) -> u64 {
        self.only_a + self.only_b + self.differing
    }
}

/// What a comparison comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct DiffReport {
    /// The block heights of both, as far as they are known.
    pub block_heights: [Option<f64>; 2],
    /// What differs: records, then local keys, then artifacts, each by key or name.
    pub differences: Vec<Difference>,
    /// How many more differences there are than are listed.
    pub left_out: u64,
    /// Of the export data; `None` if one of the two has none.
    pub records: Option<DifferenceCounts>,
    /// Of the keys that are not exported; `None` if they were not asked for.
    pub local_keys: Option<DifferenceCounts>,
    /// Of the artifacts; `None` if an export has none at all.
    pub artifacts: Option<DifferenceCounts>,
    /// How many artifacts were compared byte for byte.
    pub contents: u64,
}

impl Serialize for DiffReport {
    /// The fields of `SwingStoreDiff` in `index.d.ts`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields<'a> {
            same: bool,
            #[serde(serialize_with = "fields::optional_numbers")]
            block_heights: &'a [Option<f64>],
            differences: &'a [Difference],
            left_out: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            records: Option<DifferenceCounts>,
            #[serde(skip_serializing_if = "Option::is_none")]
            local_keys: Option<DifferenceCounts>,
            #[serde(skip_serializing_if = "Option::is_none")]
            artifacts: Option<DifferenceCounts>,
            contents: u64,
        }
        Fields {
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

impl DiffReport {
    /// Whether nothing that was compared differs.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.left_out == 0
    }
}

/// How much of a value is kept, in bytes.
const MOST_BYTES: usize = 1000;

/// A value as a difference tells it.
pub(super) fn cut(value: &[u8]) -> Vec<u8> {
    if value.len() <= MOST_BYTES {
        return value.to_vec();
    }
    let mut cut = value[..MOST_BYTES].to_vec();
    cut.extend_from_slice(format!("… ({} bytes)", value.len()).as_bytes());
    cut
}

/// Gathers differences: the first ones, and the number of the others.
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
