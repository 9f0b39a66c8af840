//! Checks that an archive has what is about to be deleted from a store.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::repopulate::{DEFAULT_MAX_ARTIFACT_BYTES, Refused};
use crate::store::encoding::hash::Sha256;
use crate::store::error::{Error, Result};
use crate::store::places::Place;
use crate::store::records::record::SpanRecord;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::parallel;
use crate::store::transfer::archive::Lookup;
use crate::store::transfer::directory::{ArtifactFile, ArtifactReader};
use crate::store::transfer::span_lines::SpanLines;

/// The largest item of a span, in bytes.
const MAX_ITEM_BYTES: usize = 128 << 20;

/// What an archive must have.
#[derive(Debug)]
pub(super) enum Archivable {
    Span(SpanRecord),
    Snapshot { name: Vec<u8>, hash: Vec<u8> },
}

impl Archivable {
    fn name(&self) -> Vec<u8> {
        match self {
            Archivable::Span(span) => span.artifact_name(),
            Archivable::Snapshot { name, .. } => name.clone(),
        }
    }
}

/// An archive that is checked.
pub(super) struct ArchiveCheck<'a> {
    lookup: Lookup<'a>,
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
        wanted: &[Option<Archivable>],
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

    fn problem(&self, wanted: &Archivable, monitor: &Monitor) -> Result<Option<Refused>> {
        let name = wanted.name();
        let is_remote = matches!(self.lookup, Lookup::Remote(_));
        let found = self
            .lookup
            .find(&name, &self.directory, DEFAULT_MAX_ARTIFACT_BYTES, monitor);
        let outcome = found.and_then(|file| match file {
            Some(file) => check(wanted, &file, monitor),
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

/// Fails unless a file contains the artifact.
fn check(wanted: &Archivable, file: &ArtifactFile, monitor: &Monitor) -> Result<()> {
    let reader = file.open()?;
    match wanted {
        Archivable::Span(span) => check_span(span, reader, monitor),
        Archivable::Snapshot { name, hash } => check_snapshot(name, hash, reader, monitor),
    }
}

fn check_span(span: &SpanRecord, mut reader: ArtifactReader, monitor: &Monitor) -> Result<()> {
    let mut lines = SpanLines::new(&span.artifact_name(), span, MAX_ITEM_BYTES);
    reader.read_all(monitor, |chunk| lines.add(chunk, |_, _| Ok(())))?;
    lines.finish(|_, _| Ok(()))
}

fn check_snapshot(
    name: &[u8],
    expected: &[u8],
    mut reader: ArtifactReader,
    monitor: &Monitor,
) -> Result<()> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    reader.read_all(monitor, |chunk| {
        bytes += chunk.len() as u64;
        if bytes > DEFAULT_MAX_ARTIFACT_BYTES {
            return Err(Error::ArtifactTooLong {
                name: name.to_vec(),
                limit: DEFAULT_MAX_ARTIFACT_BYTES,
            });
        }
        hash.add(chunk);
        Ok(())
    })?;
    let actual = hash.finish();
    if actual.as_bytes() == expected {
        return Ok(());
    }
    Err(Error::SnapshotHashMismatch {
        name: name.to_vec(),
        actual,
        expected: expected.to_vec(),
    })
}
