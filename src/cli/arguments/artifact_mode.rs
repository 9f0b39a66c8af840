//! Artifact modes as arguments.

use clap::ValueEnum;

use crate::store::records::mode::ArtifactMode;

/// Which artifacts to write or read. Each mode includes those of the mode before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// No artifacts
    None,
    /// Only what a kernel needs to run: current spans, snapshots in use, and bundles
    Operational,
    /// Every span of each vat's current incarnation, and what operational includes
    Replay,
    /// Every span of vats that are not terminated, and what operational includes
    Archival,
    /// Everything that is stored, also unused snapshots and terminated vats; gaps are not an error
    Debug,
}

impl Mode {
    /// The mode, or `None` for no artifacts.
    pub fn artifacts(self) -> Option<ArtifactMode> {
        match self {
            Mode::None => None,
            Mode::Operational => Some(ArtifactMode::Operational),
            Mode::Replay => Some(ArtifactMode::Replay),
            Mode::Archival => Some(ArtifactMode::Archival),
            Mode::Debug => Some(ArtifactMode::Debug),
        }
    }

    /// The name of the mode.
    pub fn name(self) -> &'static str {
        self.artifacts().map_or("none", ArtifactMode::name)
    }
}

/// Which artifacts to take; at least the operational ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Taken {
    /// Only what a kernel needs to run: current spans, snapshots in use, and bundles
    Operational,
    /// Every span of each vat's current incarnation, and what operational includes
    Replay,
    /// Every span of vats that are not terminated, and what operational includes
    Archival,
    /// Everything that the store has records of, also unused snapshots and terminated vats
    Debug,
}

impl Taken {
    /// The mode.
    pub fn mode(self) -> ArtifactMode {
        match self {
            Taken::Operational => ArtifactMode::Operational,
            Taken::Replay => ArtifactMode::Replay,
            Taken::Archival => ArtifactMode::Archival,
            Taken::Debug => ArtifactMode::Debug,
        }
    }
}

/// What must be present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Needed {
    /// What a kernel needs to run: current spans, snapshots in use, and bundles
    Operational,
    /// Every span of each vat's current incarnation, and what operational requires
    Replay,
    /// Every span of vats that are not terminated, and what operational requires
    Archival,
    /// Nothing: only what is stored is checked
    Debug,
}

impl Needed {
    /// The mode.
    pub fn mode(self) -> ArtifactMode {
        match self {
            Needed::Operational => ArtifactMode::Operational,
            Needed::Replay => ArtifactMode::Replay,
            Needed::Archival => ArtifactMode::Archival,
            Needed::Debug => ArtifactMode::Debug,
        }
    }
}
