//! Artifact modes as arguments.

use clap::ValueEnum;

use crate::store::records::mode::ArtifactMode;

/// Which artifacts are meant. Each takes in all that the one before it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// No artifacts
    None,
    /// What is needed to run: current spans and snapshots, and bundles
    Operational,
    /// And every span of each vat's current incarnation
    Replay,
    /// And every span of earlier incarnations
    Archival,
    /// And everything else that is there, unused snapshots and terminated vats too; gaps are no error
    Debug,
}

impl Mode {
    /// The mode, or `None` for none of the artifacts.
    pub fn artifacts(self) -> Option<ArtifactMode> {
        match self {
            Mode::None => None,
            Mode::Operational => Some(ArtifactMode::Operational),
            Mode::Replay => Some(ArtifactMode::Replay),
            Mode::Archival => Some(ArtifactMode::Archival),
            Mode::Debug => Some(ArtifactMode::Debug),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.artifacts().map_or("none", ArtifactMode::name)
    }
}

/// Which artifacts to take, of which there have to be some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Taken {
    /// Only what is needed to run: current spans and snapshots, and bundles
    Operational,
    /// And every span of each vat's current incarnation
    Replay,
    /// And every span of earlier incarnations
    Archival,
    /// And everything else that the store has records of, unused snapshots and terminated vats too
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

/// What has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Needed {
    /// What a kernel needs to run: current spans and snapshots, and bundles
    Operational,
    /// And every span of each vat's current incarnation
    Replay,
    /// And every span of earlier incarnations
    Archival,
    /// Nothing: what is there is checked, whatever is missing
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
