//! The files of artifacts that an export fetches from another place.
//!
//! Fetching may take long, so an export that fails or is killed leaves these files in a hidden directory,
//! and the next export to the same directory continues with them. It checks each against the store's
//! record, as if it had fetched it just now.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::artifact_file::ArtifactFile;
use crate::store::error::{Error, Result};
use crate::store::fs::scratch::{Scratch, remove_leftovers};
use crate::store::gzip::BlockWriter;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::history_source::{HistorySource, Wanted};

/// The prefix of the names of their directories.
const PREFIX: &str = ".swing-store-fetched-";

/// Removes the files that an export has left, for an export that fetches nothing.
pub(super) fn remove_fetched(directory: &Path) {
    remove_leftovers(directory, PREFIX);
}

/// The directory of fetched files.
pub(super) struct FetchedFiles {
    scratch: Scratch,
}

impl FetchedFiles {
    /// Creates the directory in that of the export, which is created if it is missing, with the files
    /// that another export has left.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn open(directory: &Path) -> Result<FetchedFiles> {
        Ok(FetchedFiles {
            scratch: Scratch::adopting(directory, PREFIX)?,
        })
    }

    /// Fetches an artifact into the file `name`, with `compress` as a gzip file, unless another export
    /// has done that. The file is as if the store had the artifact. Returns the file if it is new.
    ///
    /// # Errors
    /// As [`HistorySource::read`]; [`Error::Io`]; [`Error::Aborted`].
    pub(super) fn fetch(
        &self,
        source: &HistorySource,
        wanted: &Wanted,
        name: &str,
        compress: bool,
        monitor: &Monitor,
    ) -> Result<Option<File>> {
        let path = self.scratch.path().join(name);
        if self.has(wanted, &path, compress, monitor)? {
            monitor.tell(|| format!("keeping {name}, which an earlier export fetched"));
            return Ok(None);
        }
        monitor.tell(|| format!("fetching {name}"));
        let fetched = self.write(source, wanted, &path, compress, monitor);
        if fetched.is_err() {
            // Whatever stays is checked before it is used.
            drop(fs::remove_file(&path));
        }
        fetched.map(Some)
    }

    /// Whether the artifact's file exists. Removes a file with other contents.
    fn has(&self, wanted: &Wanted, path: &Path, compress: bool, monitor: &Monitor) -> Result<bool> {
        let Ok(found) = fs::symlink_metadata(path) else {
            return Ok(false);
        };
        let file = ArtifactFile::new(path.to_owned(), compress);
        match wanted.read(&file, u64::MAX, monitor, |_| Ok(())) {
            Ok(()) => {
                monitor.count(usize::try_from(found.len()).unwrap_or(usize::MAX))?;
                Ok(true)
            }
            Err(Error::Aborted) => Err(Error::Aborted),
            Err(_) => fs::remove_file(path)
                .map(|()| false)
                .map_err(|error| Error::io(format!("removing {}", path.display()), &error)),
        }
    }

    fn write(
        &self,
        source: &HistorySource,
        wanted: &Wanted,
        path: &Path,
        compress: bool,
        monitor: &Monitor,
    ) -> Result<File> {
        let directory = self.scratch.path();
        let io = |error| Error::io(format!("writing {}", path.display()), &error);
        let mut file = File::create_new(path).map_err(io)?;
        let mut write = |chunk: &[u8]| {
            file.write_all(chunk).map_err(io)?;
            monitor.count(chunk.len())
        };
        if !compress {
            source.read(wanted, directory, monitor, write)?;
        } else if let Wanted::Snapshot { .. } = wanted {
            write(&source.read_image(wanted, directory, monitor)?.bytes)?;
        } else {
            let mut compressed = BlockWriter::default();
            source.read(wanted, directory, monitor, |chunk| {
                compressed.add(chunk, &mut write)
            })?;
            compressed.finish(write)?;
        }
        Ok(file)
    }

    /// Moves a file that was fetched to the other files of the export.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn move_to(&self, directory: &Path, name: &str) -> Result<()> {
        let to = directory.join(name);
        fs::rename(self.scratch.path().join(name), &to)
            .map_err(|error| Error::io(format!("making {}", to.display()), &error))
    }

    /// Leaves the files to the next export.
    pub(super) fn leave(self) {
        self.scratch.leave();
    }
}
