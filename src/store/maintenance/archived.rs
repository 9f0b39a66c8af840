//! Checks that an archive has what is about to be deleted from a store.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::repopulate::{DEFAULT_MAX_ARTIFACT_BYTES, Refused};
use crate::store::error::{Error, Result};
use crate::store::places::Place;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::parallel;
use crate::store::transfer::archive::Lookup;
use crate::store::transfer::history_source::Wanted;

/// An archive that is checked.
pub(super) struct ArchiveCheck<'a> {
    lookup: Lookup,
    place: &'a Place,
    /// The directory for temporary files.
    directory: PathBuf,
}

impl<'a> ArchiveCheck<'a> {
    /// Opens an archive. Temporary files are in `directory`.
    ///
    /// # Errors
    /// As [`Lookup::open`].
    pub(super) fn open(place: &'a Place, directory: &Path) -> Result<ArchiveCheck<'a>> {
        Ok(ArchiveCheck {
            lookup: Lookup::open(place)?,
            place,
            directory: directory.to_owned(),
        })
    }

    /// Reads artifacts from the archive, several at a time. For each, returns `None` if it has the
    /// hash of its record, and otherwise the problem.
    ///
    /// # Errors
    /// [`Error::Aborted`]; [`Error::Remote`]; [`Error::Io`] for a temporary file.
    pub(super) fn problems(
        &self,
        wanted: &[Option<Wanted>],
        monitor: &Monitor,
    ) -> Result<Vec<Option<Refused>>> {
        let problems = Mutex::new(vec![None; wanted.len()]);
        let check = |index: usize| {
            monitor.check()?;
            if let Some(one) = &wanted[index] {
                let problem = self.problem(one, monitor)?;
                lock::lock(&problems)[index] = problem;
            }
            Ok(())
        };
        parallel::run_on(self.lookup.threads(), wanted.len(), check, || Ok(()))?;
        Ok(std::mem::take(&mut *lock::lock(&problems)))
    }

    fn problem(&self, wanted: &Wanted, monitor: &Monitor) -> Result<Option<Refused>> {
        let name = wanted.name();
        let is_remote = matches!(self.lookup, Lookup::Remote(_));
        let found = self
            .lookup
            .find(&name, &self.directory, DEFAULT_MAX_ARTIFACT_BYTES, monitor);
        let outcome = found.and_then(|file| match file {
            Some(file) => wanted.read(&file, DEFAULT_MAX_ARTIFACT_BYTES, monitor, |chunk| {
                monitor.count(chunk.len())
            }),
            None => Err(Error::NotArchived(self.place.to_string())),
        });
        match outcome {
            Ok(()) => Ok(None),
            // An unreadable file of a directory only concerns its artifact.
            Err(error @ Error::Io { .. }) if is_remote => Err(error),
            Err(error @ (Error::Aborted | Error::Remote { .. } | Error::Internal(_))) => Err(error),
            Err(error) => Ok(Some(Refused {
                name,
                code: error.code().to_owned(),
                reason: error.to_string(),
            })),
        }
    }
}
