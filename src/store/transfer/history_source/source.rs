//! A place from which artifacts are read that a store lacks.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::wanted::Wanted;
use crate::store::error::{Error, Result};
use crate::store::gzip::Compressed;
use crate::store::places::Place;
use crate::store::records::mode::ArtifactMode;
use crate::store::substores::snapshots::require_hash;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::archive::Lookup;
use crate::store::transfer::directory::ArtifactFile;

/// A place with artifacts, which need not be trusted.
///
/// Several threads can use it.
pub(crate) struct HistorySource {
    place: Place,
    /// Opened with the first artifact, because listing a directory takes time.
    lookup: Mutex<Option<Arc<Lookup>>>,
}

impl HistorySource {
    /// The source at a path or URL. Reads nothing.
    ///
    /// # Errors
    /// As [`Place::parse`].
    pub(crate) fn parse(place: &Path) -> Result<HistorySource> {
        Ok(HistorySource {
            place: Place::parse(place)?,
            lookup: Mutex::default(),
        })
    }

    /// Checks that an artifact mode requires history, which the place would provide. `None` stands
    /// for no artifacts.
    ///
    /// # Errors
    /// [`Error::BadArgument`].
    pub(crate) fn check_mode(mode: Option<ArtifactMode>) -> Result<()> {
        let reason = match mode {
            Some(ArtifactMode::Replay | ArtifactMode::Archival) => return Ok(()),
            None => "nothing",
            Some(ArtifactMode::Operational) => "no history",
            Some(ArtifactMode::Debug) => "no history that the store lacks",
        };
        let mode = mode.map_or("none", ArtifactMode::name);
        Err(Error::BadArgument(format!(
            "history from another place is for artifact mode replay or archival: mode {mode} requires \
             {reason}. Choose one of these modes, or leave out the place"
        )))
    }

    /// How many artifacts to read at a time.
    pub(crate) fn threads(&self) -> Result<usize> {
        Ok(self.lookup()?.threads())
    }

    /// Reads an artifact. Calls `take` with its bytes, as an export of the store would have them if it
    /// had the artifact. They are valid only if this succeeds. Temporary files are in `directory`.
    ///
    /// # Errors
    /// [`Error::FromHistory`] if the place lacks the artifact, or has another one of this name;
    /// [`Error::Remote`] and [`Error::RemoteFile`]; [`Error::Directory`]; [`Error::Io`];
    /// [`Error::Aborted`]; those of `take`.
    pub(crate) fn read(
        &self,
        wanted: &Wanted,
        directory: &Path,
        monitor: &Monitor,
        take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let file = self.find(wanted, directory, monitor)?;
        wanted
            .read(&file, wanted.max_bytes(), monitor, take)
            .map_err(|error| self.explain(wanted, error))
    }

    /// Reads a snapshot, compressed as the store would have it.
    ///
    /// # Errors
    /// As [`HistorySource::read`]; [`Error::InvalidArtifactType`] for another artifact.
    pub(crate) fn read_image(
        &self,
        wanted: &Wanted,
        directory: &Path,
        monitor: &Monitor,
    ) -> Result<Compressed> {
        let Wanted::Snapshot { name, hash, .. } = wanted else {
            return Err(Error::InvalidArtifactType(wanted.name()));
        };
        let file = self.find(wanted, directory, monitor)?;
        // The caller counts what it writes.
        file.image(name, wanted.max_bytes(), &monitor.without_progress())
            .and_then(|image| {
                require_hash(name, &image.hash, hash)?;
                Ok(image)
            })
            .map_err(|error| self.explain(wanted, error))
    }

    fn find(&self, wanted: &Wanted, directory: &Path, monitor: &Monitor) -> Result<ArtifactFile> {
        let name = wanted.name();
        let found = self
            .lookup()?
            .find(&name, directory, wanted.max_bytes(), monitor);
        found
            .and_then(|found| found.ok_or_else(|| Error::NotArchived(self.place.to_string())))
            .map_err(|error| self.explain(wanted, error))
    }

    fn lookup(&self) -> Result<Arc<Lookup>> {
        let mut lookup = lock::lock(&self.lookup);
        if let Some(lookup) = &*lookup {
            return Ok(lookup.clone());
        }
        let opened = Arc::new(Lookup::open(&self.place)?);
        *lookup = Some(opened.clone());
        Ok(opened)
    }

    /// Adds the artifact and the place to an error that concerns only the artifact.
    fn explain(&self, wanted: &Wanted, error: Error) -> Error {
        match error {
            Error::Aborted
            | Error::Io { .. }
            | Error::Remote { .. }
            | Error::RemoteFile { .. }
            | Error::Internal(_)
            | Error::Sqlite { .. } => error,
            error => Error::FromHistory {
                name: wanted.name(),
                place: self.place.to_string(),
                error: Box::new(error),
            },
        }
    }
}

/// Shows the place as messages and reports name it.
impl std::fmt::Display for HistorySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.place.fmt(f)
    }
}

/// The outcome of reading an artifact; `None` if the place lacks it.
///
/// # Errors
/// All others of the outcome.
pub(crate) fn unless_lacking<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Err(Error::FromHistory { error, .. }) if matches!(*error, Error::NotArchived(_)) => {
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}
