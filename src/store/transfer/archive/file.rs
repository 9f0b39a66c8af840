//! Writes a file of an archive atomically, and removes the unfinished files of killed processes.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::name::file_name;
use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::fs::ownership::{is_private, keep_rights};
use crate::store::fs::rename::rename;
use crate::store::fs::scratch::{is_name, random, sync_directory};

/// The prefix and suffix of the names of unfinished files.
const PREFIX: &str = ".swing-store-archive-";
const UNFINISHED: &str = ".gz.tmp";

/// How many random names are tried.
const ATTEMPTS: usize = 16;

/// An unfinished file of an archive. [`ArchiveFile::publish`] gives it its name; dropping it
/// removes it. It is locked while it is written. A killed process leaves it under its temporary
/// name, `.swing-store-archive-NUMBER.gz.tmp`, and [`remove_unfinished`] removes it.
pub(super) struct ArchiveFile {
    temporary: PathBuf,
    place: PathBuf,
    file: File,
    is_in_place: bool,
}

impl ArchiveFile {
    /// Creates the file of an artifact in `directory`. Until it is published it is in `unfinished`,
    /// a directory on the same file system.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn new(directory: &Path, unfinished: &Path, artifact: &[u8]) -> Result<ArchiveFile> {
        let name = file_name(artifact)
            .ok_or_else(|| Error::Internal("no file can have this artifact's name".into()))?;
        let (temporary, file) = make_temporary(unfinished)?;
        Ok(ArchiveFile {
            temporary,
            place: directory.join(name),
            file,
            is_in_place: false,
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io(format!("writing {}", self.temporary.display()), &error))
    }

    /// Syncs the file, renames it to its final name and syncs the directory. Replaces an existing
    /// file and keeps that file's permissions and owner.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn publish(mut self) -> Result<()> {
        let making = |error| Error::io(format!("making {}", self.place.display()), &error);
        keep_rights(&self.file, &self.place).map_err(making)?;
        self.file
            .sync_all()
            .map_err(|error| Error::io(format!("syncing {}", self.temporary.display()), &error))?;
        rename(&self.temporary, &self.place).map_err(making)?;
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
            // A file that can't be removed does no harm.
            drop(fs::remove_file(&self.temporary));
        }
    }
}

/// Creates and locks a file with a random name.
fn make_temporary(directory: &Path) -> Result<(PathBuf, File)> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..ATTEMPTS {
        let temporary = directory.join(format!("{PREFIX}{:016x}{UNFINISHED}", random()));
        match claim(&temporary) {
            Ok(Some(file)) => return Ok((temporary, file)),
            // Another process removed the file as a leftover before it was locked.
            Ok(None) => {}
            Err(error) => {
                let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
                last = error;
                if !is_taken {
                    break;
                }
            }
        }
    }
    let doing = format!("making a file in {}", directory.display());
    Err(Error::io(doing, &last))
}

/// Creates and locks a file. `None` if another process locked or removed it first.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Only the owner may read the file, as with the reference.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // On a file system without locks, no process removes leftovers.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(path.exists().then_some(file)),
    }
}

/// Removes the unfinished files that killed processes of this user have left in an archive. Files
/// that are locked or can't be removed stay.
pub(super) fn remove_unfinished(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        if is_temporary(&entry.file_name())
            && let Ok(file) = open::open_own(File::options().write(true), &entry.path())
            && file.metadata().is_ok_and(|found| is_private(&found))
            && file.try_lock().is_ok()
        {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Whether a name is one that [`make_temporary`] creates.
fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_str().and_then(|name| name.strip_suffix(UNFINISHED));
    name.is_some_and(|name| is_name(name.as_ref(), PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_unfinished_files_of_killed_processes_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let name = b"transcript.v1.0.5";
        let writing = ArchiveFile::new(directory, directory, name).unwrap();
        let temporary = |number| directory.join(format!("{PREFIX}{number:016x}{UNFINISHED}"));
        let left = temporary(7);
        drop(claim(&left).unwrap());
        // Temporary files of the package `tmp`, which may be in use, and other files.
        let mut kept = Vec::from(
            [
                "transcript.v1.0.7-123-AbCdEfGhIjKl.gz.tmp",
                "transcript.v1.0.7-123-0000000000000000.gz.tmp",
                "snapshot.v1.7.gz",
                ".swing-store-archive-000000000000000.gz.tmp",
                ".swing-store-archive-000000000000000A.gz.tmp",
            ]
            .map(|name| directory.join(name)),
        );
        for path in &kept {
            fs::write(path, b"").unwrap();
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt, chown, symlink};
            kept.extend([temporary(8), temporary(9)]);
            symlink(&kept[0], temporary(8)).unwrap();
            drop(claim(&temporary(9)).unwrap());
            fs::set_permissions(temporary(9), fs::Permissions::from_mode(0o666)).unwrap();
            if rustix::process::geteuid().is_root() {
                kept.push(temporary(10));
                drop(claim(&temporary(10)).unwrap());
                chown(temporary(10), Some(1234), None).unwrap();
            }
        }
        remove_unfinished(directory);
        assert!(!left.exists());
        for path in kept {
            assert!(path.symlink_metadata().is_ok(), "{path:?}");
        }
        writing.publish().unwrap();
        assert!(directory.join("transcript.v1.0.5.gz").exists());
    }
}
