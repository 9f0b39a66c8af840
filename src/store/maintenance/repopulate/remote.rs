//! Takes artifacts from any place. Those of a remote place are fetched by their names, without
//! listing them.

use std::path::Path;

use super::directory::{repopulate_from_directory_into, take_file};
use super::options::RepopulateOptions;
use super::repopulation::Repopulation;
use super::report::Repopulated;
use crate::store::error::{Error, Result};
use crate::store::places::Place;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::parallel;
use crate::store::transfer::archive::Lookup;

/// Restores pruned contents of the store in `store` from artifacts in a place: a directory, as
/// [`repopulate_from_directory`](super::repopulate_from_directory), or a remote place with a file
/// `NAME.gz` or `NAME` for each artifact.
///
/// # Errors
/// As [`repopulate_from_directory`](super::repopulate_from_directory); [`Error::Remote`] if a remote
/// place fails. A single file that can't be had is only rejected.
pub fn repopulate_from_place(
    from: &Place,
    store: &Path,
    options: RepopulateOptions,
    monitor: &Monitor,
) -> Result<Repopulated> {
    let mut done = Repopulated::default();
    repopulate_from_place_into(from, store, options, monitor, &mut done)?;
    Ok(done)
}

/// Like [`repopulate_from_place`], but also reports what was done before an error, in `done`. That
/// work is committed.
///
/// # Errors
/// The errors of [`repopulate_from_place`].
pub fn repopulate_from_place_into(
    from: &Place,
    store: &Path,
    options: RepopulateOptions,
    monitor: &Monitor,
    done: &mut Repopulated,
) -> Result<()> {
    if let Place::Directory(directory) = from {
        return repopulate_from_directory_into(directory, store, options, monitor, done);
    }
    let lookup = Lookup::open(from)?;
    let repopulation = Repopulation::open(store, options, monitor)?;
    let outcome = take_all(&repopulation, &lookup, monitor);
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

fn take_all(repopulation: &Repopulation, lookup: &Lookup, monitor: &Monitor) -> Result<()> {
    let names = repopulation.wanted_names(monitor)?;
    monitor.set_total(names.len());
    let take = |index: usize| take(repopulation, lookup, &names[index], monitor);
    parallel::run_on(lookup.threads(), names.len(), take, || Ok(()))
}

/// Fetches an artifact, and adds it to the store.
fn take(
    repopulation: &Repopulation,
    lookup: &Lookup,
    name: &[u8],
    monitor: &Monitor,
) -> Result<()> {
    let Some(incoming) = repopulation.begin(name, monitor)? else {
        return Ok(());
    };
    let directory = repopulation.spool_directory();
    match lookup.find(name, directory, incoming.max_bytes(), monitor) {
        Ok(Some(file)) => take_file(repopulation, incoming, &file, monitor),
        // The report says that it is missing.
        Ok(None) => {
            monitor.finish_piece();
            Ok(())
        }
        Err(error @ Error::RemoteFile { .. }) => {
            repopulation.refuse(name, &error, monitor);
            Ok(())
        }
        Err(error) => Err(error),
    }
}
