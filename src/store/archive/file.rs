//! A file of an archive while it is being written.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::file_name;
use crate::store::error::{Error, Result};
use crate::store::scratch::{random, sync_directory};

/// Behind the names of files that are not finished.
const UNFINISHED: &str = ".gz.tmp";

/// A file that gets its name when it is whole, and is gone if it never is. A process that is killed
/// leaves it under its temporary name, `NAME-PROCESS-NUMBER.gz.tmp`.
pub(super) struct ArchiveFile {
    temporary: PathBuf,
    place: PathBuf,
    file: File,
    is_in_place: bool,
}

impl ArchiveFile {
    /// Begins the file of an artifact in `directory`; until it is whole it lies in `unfinished`, on
    /// the same file system.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn new(directory: &Path, unfinished: &Path, artifact: &[u8]) -> Result<ArchiveFile> {
        let name = file_name(artifact)
            .ok_or_else(|| Error::Internal("no file can have this artifact's name".into()))?;
        let stem = String::from_utf8_lossy(artifact);
        let process = std::process::id();
        let temporary = format!("{stem}-{process}-{:016x}{UNFINISHED}", random());
        let temporary = unfinished.join(temporary);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // For the eyes of its owner, as those that the reference makes.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&temporary)
            .map_err(|error| Error::io(format!("making {}", temporary.display()), &error))?;
        Ok(ArchiveFile {
            temporary,
            place: directory.join(name),
            file,
            is_in_place: false,
        })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io(format!("writing {}", self.temporary.display()), &error))
    }

    /// Waits until the file is on the disk, and gives it its name, also there. A file that had the
    /// name before is replaced.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn publish(mut self) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|error| Error::io(format!("syncing {}", self.temporary.display()), &error))?;
        fs::rename(&self.temporary, &self.place)
            .map_err(|error| Error::io(format!("making {}", self.place.display()), &error))?;
        self.is_in_place = true;
        match self.place.parent() {
            Some(directory) => sync_directory(directory),
            None => Ok(()),
        }
    }
}

impl Drop for ArchiveFile {
    fn drop(&mut self) {
        if !self.is_in_place {
            // If it can't be removed it is in nobody's way.
            drop(fs::remove_file(&self.temporary));
        }
    }
}
