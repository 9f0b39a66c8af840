//! The options of a repopulation.

use serde::Deserialize;

use crate::store::encoding::fields;
use crate::store::records::mode::ArtifactMode;

/// The default limit of an artifact's size, in bytes.
pub const DEFAULT_MAX_ARTIFACT_BYTES: u64 = 512 << 20;

/// Options of a repopulation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RepopulateOptions {
    /// Take the artifacts that an export in this mode contains.
    #[serde(rename = "artifactMode")]
    pub mode: ArtifactMode,
    /// The largest artifact to take, in bytes.
    #[serde(
        default = "default_max_artifact_bytes",
        deserialize_with = "fields::count"
    )]
    pub max_artifact_bytes: u64,
    /// About how many bytes of items to insert in one transaction. `None` inserts each span in one
    /// transaction, whatever its size.
    #[serde(default, deserialize_with = "fields::optional_count")]
    pub max_transaction_bytes: Option<u64>,
    /// Replace present contents, of any mode, that do not match the hash of their record. Each
    /// replacement is one transaction.
    #[serde(default)]
    pub replace_damaged: bool,
}

fn default_max_artifact_bytes() -> u64 {
    DEFAULT_MAX_ARTIFACT_BYTES
}

impl RepopulateOptions {
    /// The default options for a mode.
    pub fn new(mode: ArtifactMode) -> RepopulateOptions {
        RepopulateOptions {
            mode,
            max_artifact_bytes: DEFAULT_MAX_ARTIFACT_BYTES,
            max_transaction_bytes: None,
            replace_damaged: false,
        }
    }
}
