//! The result of a repopulation.

use serde::Serialize;

use crate::store::database::shared_writer::TransactionStats;
use crate::store::encoding::fields;

/// An artifact that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Refused {
    /// The artifact's name.
    #[serde(serialize_with = "fields::text")]
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub name: Vec<u8>,
    /// The stable code of the reason.
    pub code: String,
    /// The reason.
    pub reason: String,
}

/// The result of a repopulation.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Repopulated {
    /// The names of the artifacts that were inserted.
    #[serde(serialize_with = "fields::texts")]
    #[cfg_attr(feature = "cli", schemars(with = "Vec<String>"))]
    pub filled: Vec<Vec<u8>>,
    /// The names of the artifacts that replaced damaged contents.
    #[serde(serialize_with = "fields::texts")]
    #[cfg_attr(feature = "cli", schemars(with = "Vec<String>"))]
    pub replaced: Vec<Vec<u8>>,
    /// The size of the inserted and replacing artifacts in bytes.
    pub bytes: u64,
    /// The number of artifacts whose contents were present.
    pub present: u64,
    /// The number of artifacts that the mode does not need.
    pub unwanted: u64,
    /// The number of artifacts that were rejected.
    pub refused_count: u64,
    /// The first thousand rejected artifacts.
    pub refused: Vec<Refused>,
    /// The names of the artifacts that the mode needs and the store still lacks.
    #[serde(serialize_with = "fields::texts")]
    #[cfg_attr(feature = "cli", schemars(with = "Vec<String>"))]
    pub missing: Vec<Vec<u8>>,
    /// Statistics of the transactions.
    #[serde(rename = "locking")]
    pub transaction_stats: TransactionStats,
}

/// The outcome for one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepopulateOutcome {
    Filled,
    Replaced,
    Present,
}
