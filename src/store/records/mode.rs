//! Artifact modes: how much history an export contains.

use serde::{Deserialize, Serialize};

use crate::store::error::{Error, Result};

/// How much history an export contains. Each mode includes the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ArtifactMode {
    /// Everything needed to run: current spans and snapshots, and bundles.
    Operational,
    /// All spans of each vat's current incarnation.
    Replay,
    /// All spans of each vat that is not terminated.
    Archival,
    /// Everything in the store, including historical snapshots and terminated vats, complete or
    /// not.
    Debug,
}

impl ArtifactMode {
    /// The mode with this name. `quoted` is the value for the error message.
    ///
    /// # Errors
    /// [`Error::InvalidArtifactMode`].
    pub fn parse(name: &[u8], quoted: &[u8]) -> Result<ArtifactMode> {
        match name {
            b"operational" => Ok(ArtifactMode::Operational),
            b"replay" => Ok(ArtifactMode::Replay),
            b"archival" => Ok(ArtifactMode::Archival),
            b"debug" => Ok(ArtifactMode::Debug),
            _ => Err(Error::InvalidArtifactMode(quoted.to_vec())),
        }
    }

    /// The mode's name.
    pub fn name(self) -> &'static str {
        match self {
            ArtifactMode::Operational => "operational",
            ArtifactMode::Replay => "replay",
            ArtifactMode::Archival => "archival",
            ArtifactMode::Debug => "debug",
        }
    }
}
