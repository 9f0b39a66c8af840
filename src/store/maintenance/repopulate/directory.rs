//! Takes artifacts from a directory: an export, an archive, or files with the artifacts' names.

use std::path::Path;

use super::incoming::Incoming;
use super::options::RepopulateOptions;
use super::repopulation::Repopulation;
use super::report::Repopulated;
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::parallel;
use crate::store::transfer::directory::{ArtifactFile, ArtifactSource, sources};

/// Restores pruned contents of the store in `store` from artifacts in the directory `from`.
///
/// The directory is an export, whose manifest only provides the list of artifacts; an archive, with
/// a file `NAME.gz` per artifact; or contains files with the artifacts' names.
///
/// # Errors
/// The errors of [`Repopulation::open`]; [`Error::Directory`] for an invalid manifest; [`Error::Io`]
/// for an unreadable directory. An unreadable file is only rejected.
pub fn repopulate_from_directory(
    from: &Path,
    store: &Path,
    options: RepopulateOptions,
    monitor: &Monitor,
) -> Result<Repopulated> {
    let mut done = Repopulated::default();
    repopulate_from_directory_into(from, store, options, monitor, &mut done)?;
    Ok(done)
}

/// Like [`repopulate_from_directory`], but also reports what was done before an error, in `done`.
/// That work is committed.
///
/// # Errors
/// The errors of [`repopulate_from_directory`].
pub fn repopulate_from_directory_into(
    from: &Path,
    store: &Path,
    options: RepopulateOptions,
    monitor: &Monitor,
    done: &mut Repopulated,
) -> Result<()> {
    let found = sources(from)?;
    let repopulation = Repopulation::open(store, options, monitor)?;
    monitor.set_total(found.len());
    let outcome = parallel::run(
        found.len(),
        |index| take(&repopulation, &found[index], monitor),
        || Ok(()),
    );
    match outcome.and_then(|()| repopulation.finish(monitor)) {
        Ok(all) => {
            *done = all;
            Ok(())
        }
        Err(error) => {
            *done = repopulation.partial_report();
            Err(error)
        }
    }
}

/// Adds one artifact to the store.
fn take(repopulation: &Repopulation, source: &ArtifactSource, monitor: &Monitor) -> Result<()> {
    let file = match &source.file {
        Ok(file) => file,
        Err(error) => {
            repopulation.refuse(&source.name, error, monitor);
            return Ok(());
        }
    };
    let Some(incoming) = repopulation.begin(&source.name, monitor)? else {
        return Ok(());
    };
    take_file(repopulation, incoming, file, monitor)
}

/// Adds an artifact from its file.
///
/// # Errors
/// The errors that end the repopulation.
pub(super) fn take_file(
    repopulation: &Repopulation,
    mut incoming: Incoming,
    file: &ArtifactFile,
    monitor: &Monitor,
) -> Result<()> {
    match read(&mut incoming, file, monitor) {
        Ok(()) => repopulation.end(incoming, monitor),
        Err(Failure::Reading(error)) => {
            repopulation.refuse(incoming.name(), &error, monitor);
            Ok(())
        }
        Err(Failure::Adding(error)) => repopulation.give_up(incoming, error, monitor),
    }
}

/// Why an artifact could not be read.
enum Failure {
    /// The file, which is only rejected, whatever the error is.
    Reading(Error),
    /// What the file contains, or the disk of the store, or an abort.
    Adding(Error),
}

fn read(
    incoming: &mut Incoming,
    file: &ArtifactFile,
    monitor: &Monitor,
) -> std::result::Result<(), Failure> {
    if let Some(max_bytes) = incoming.max_image_bytes()
        && file.is_gzip
    {
        let image = file.image(incoming.name(), max_bytes, monitor);
        let image = image.map_err(|error| match error {
            Error::Io { .. } => Failure::Reading(error),
            error => Failure::Adding(error),
        })?;
        incoming.set_image(image);
        return Ok(());
    }
    let mut reader = file.open().map_err(Failure::Reading)?;
    let mut chunk = vec![0; limits().chunk_bytes.max(1)];
    loop {
        let length = reader.read(&mut chunk).map_err(Failure::Reading)?;
        if length == 0 {
            return Ok(());
        }
        let added = incoming.add(&chunk[..length]);
        added
            .and_then(|()| monitor.count(length))
            .map_err(Failure::Adding)?;
    }
}
