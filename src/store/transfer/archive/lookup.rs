//! Finds artifacts in a place by their names. A remote place is not listed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::name::file_name;
use crate::store::error::Result;
use crate::store::places::{self, Place, Remote};
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::parallel;
use crate::store::transfer::directory::{ArtifactFile, GZIP, sources};

/// How much larger than its contents a gzip file may be, in bytes. The format adds much less.
const GZIP_ROOM: u64 = 1 << 16;

/// The artifacts of a place.
pub(crate) enum Lookup {
    /// The files of a directory, by the names of artifacts.
    Files(HashMap<Vec<u8>, Result<ArtifactFile>>),
    /// A remote place.
    Remote(Arc<Remote>),
}

impl Lookup {
    /// Opens a place. A directory is an export, an archive, or contains files with the names of
    /// artifacts.
    ///
    /// # Errors
    /// [`Error::Directory`](crate::store::error::Error::Directory) if a directory has a malformed
    /// manifest, or no artifacts; [`Error::Io`](crate::store::error::Error::Io).
    pub(crate) fn open(place: &Place) -> Result<Lookup> {
        Ok(match place {
            Place::Directory(directory) => {
                let found = sources(directory)?.into_iter();
                Lookup::Files(found.map(|one| (one.name, one.file)).collect())
            }
            Place::Remote(remote) => Lookup::Remote(remote.clone()),
        })
    }

    /// How many artifacts to read at a time.
    pub(crate) fn threads(&self) -> usize {
        match self {
            Lookup::Files(_) => parallel::threads(),
            Lookup::Remote(_) => places::PARALLEL,
        }
    }

    /// Finds the artifact `name`, of at most `max_bytes`. A remote place's file `NAME.gz` or `NAME` is
    /// fetched into a temporary file in `directory`. `None` if the place does not have it.
    ///
    /// # Errors
    /// As [`Remote::fetch`]; that of a file that must not be read.
    pub(crate) fn find(
        &self,
        name: &[u8],
        directory: &Path,
        max_bytes: u64,
        monitor: &Monitor,
    ) -> Result<Option<ArtifactFile>> {
        match self {
            Lookup::Files(files) => files.get(name).cloned().transpose(),
            Lookup::Remote(remote) => fetch(remote, name, directory, max_bytes, monitor),
        }
    }

    /// Whether the place has an artifact of this name, as `NAME.gz` or as `NAME`. Does not read it.
    ///
    /// # Errors
    /// As [`Remote::has`].
    pub(crate) fn has(&self, name: &[u8], monitor: &Monitor) -> Result<bool> {
        let remote = match self {
            Lookup::Files(files) => return Ok(files.get(name).is_some_and(Result::is_ok)),
            Lookup::Remote(remote) => remote,
        };
        let Some(compressed) = file_name(name) else {
            return Ok(false);
        };
        let plain = compressed.strip_suffix(GZIP).unwrap_or(&compressed);
        Ok(remote.has(&compressed, monitor)? || remote.has(plain, monitor)?)
    }
}

fn fetch(
    remote: &Remote,
    name: &[u8],
    directory: &Path,
    max_bytes: u64,
    monitor: &Monitor,
) -> Result<Option<ArtifactFile>> {
    let Some(compressed) = file_name(name) else {
        return Ok(None);
    };
    let plain = compressed.strip_suffix(GZIP).unwrap_or(&compressed);
    let max_compressed = max_bytes
        .saturating_add(max_bytes / 1000)
        .saturating_add(GZIP_ROOM);
    let files = [(compressed.as_str(), max_compressed), (plain, max_bytes)];
    let found = remote.fetch_first(&files, directory, monitor)?;
    Ok(found.map(|(index, found)| {
        let url = format!("{}/{}", remote.url(), files[index].0);
        ArtifactFile::fetched(&url, index == 0, found)
    }))
}
