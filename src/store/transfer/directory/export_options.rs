//! The options of an export.

use std::path::PathBuf;

use serde::Deserialize;

use crate::store::records::mode::ArtifactMode;

/// How to export.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExportOptions {
    /// The artifact mode; `None` for an export without artifacts.
    #[serde(default, rename = "artifactMode")]
    pub mode: Option<ArtifactMode>,
    /// Whether to write the export data.
    pub with_data: bool,
    /// The block height that the store must have.
    #[serde(default)]
    pub block_height: Option<f64>,
    /// Whether to write each artifact as a gzip file, `NAME.gz`.
    #[serde(default)]
    pub compress: bool,
    /// The directory of a previous export, whose files are reused for artifacts with the same name
    /// and the same record.
    #[serde(default)]
    pub reuse: Option<PathBuf>,
    /// Where to take artifacts from that the store has pruned: a path or a URL.
    #[serde(default)]
    pub history_from: Option<PathBuf>,
    /// Whether to check the contents of reused files against their hashes. Artifacts whose files are
    /// damaged are written from the store.
    #[serde(default)]
    pub verify_reused: bool,
}
