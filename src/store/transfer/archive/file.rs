//! A file of an archive while it is being written.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::file_name;
use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::fs::ownership::{is_private, keep_rights};
use crate::store::fs::rename::rename;
use crate::store::fs::scratch::{is_name, random, sync_directory};

/// What the names of files that are not finished begin and end with.
const PREFIX: &str = ".swing-store-archive-";
const UNFINISHED: &str = ".gz.tmp";

/// More than enough to find a name that nobody else has.
const ATTEMPTS: usize = 16;

/// A file that gets its name when it is whole, and is gone if it never is. A process that is killed
/// leaves it under its temporary name, `.swing-store-archive-NUMBER.gz.tmp`; [`remove_unfinished`]
/// removes it. It is locked as long as it is being written.
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
        let (temporary, file) = make_temporary(unfinished)?;
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
    /// name before is replaced, and leaves its permissions and its owner.
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
            // If it can't be removed it is in nobody's way.
            drop(fs::remove_file(&self.temporary));
        }
    }
}

/// Makes and locks a file of a name that nobody else has.
fn make_temporary(directory: &Path) -> Result<(PathBuf, File)> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..ATTEMPTS {
        let temporary = directory.join(format!("{PREFIX}{:016x}{UNFINISHED}", random()));
        match claim(&temporary) {
            Ok(Some(file)) => return Ok((temporary, file)),
            // Someone took it for a leftover in the moment before it was locked.
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

/// Makes and locks a file; `None` if another process was quicker.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // For the eyes of its owner, as those that the reference makes.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Where files can't be locked, nobody takes anything for a leftover either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(path.exists().then_some(file)),
    }
}

/// Removes what killed processes of this user have left in an archive under temporary names. What
/// is being written stays, and so does what can't be removed.
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

/// Whether a name is one that [`make_temporary`] gives.
fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_str().and_then(|name| name.strip_suffix(UNFINISHED));
    name.is_some_and(|name| is_name(name.as_ref(), PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let name = b"transcript.v1.0.5";
        let writing = ArchiveFile::new(directory, directory, name).unwrap();
        let temporary = |number| directory.join(format!("{PREFIX}{number:016x}{UNFINISHED}"));
        let left = temporary(7);
        drop(claim(&left).unwrap());
        // Of the package `tmp`, which may be at work on it; and of anybody.
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
