//! Artifact modes: how much history an export carries.

use serde::{Deserialize, Serialize};

use crate::store::error::{Error, Result};

/// How much history an export carries. Each mode takes all that the one before it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactMode {
    /// What is needed to run: current spans and snapshots, and bundles.
    Operational,
    /// All spans of each vat's current incarnation.
    Replay,
    /// All spans of each vat that is not terminated.
    Archival,
    /// Everything that is there, historical snapshots and terminated vats included, complete or
    /// not.
    Debug,
}

impl ArtifactMode {
    /// The mode of this name; `quoted` is the value as an error message shows it.
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
