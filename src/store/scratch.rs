//! Directories for what is not finished yet.
//!
//! What is under way lies beside its final place, in a directory of its own, and is renamed when
//! it is whole. A process that is killed leaves such a directory behind; the next one to work in
//! the same place removes it. The two are told apart by a lock on a file inside, which the
//! system lets go of when its process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::regular;

/// The file inside that is locked while the directory is in use.
const LOCK_NAME: &str = "lock";

/// More than enough to find a name that nobody else has.
const ATTEMPTS: usize = 16;

/// A directory for unfinished files, which is gone when this value is.
pub(super) struct Scratch {
    path: PathBuf,
    lock: Option<File>,
}

impl Scratch {
    /// As [`Scratch::new`], in a directory that is made if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] when either can't be made.
    pub(super) fn in_made(parent: &Path, prefix: &str) -> Result<Scratch> {
        fs::create_dir_all(parent).map_err(|error| {
            Error::io(format!("making the directory {}", parent.display()), &error)
        })?;
        Scratch::new(parent, prefix)
    }

    /// Makes a directory in `parent` whose name begins with `prefix`, and removes those that
    /// killed processes have left there under the same prefix.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be made.
    pub(super) fn new(parent: &Path, prefix: &str) -> Result<Scratch> {
        remove_leftovers(parent, prefix);
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..ATTEMPTS {
            let path = parent.join(format!("{prefix}{:016x}", random()));
            match claim(&path) {
                Ok(Some(lock)) => {
                    return Ok(Scratch {
                        path,
                        lock: Some(lock),
                    });
                }
                // Someone took it for a leftover in the moment before it was locked.
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => {
                    last = error;
                    break;
                }
            }
        }
        let doing = format!("making a directory in {}", parent.display());
        Err(Error::io(doing, &last))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_locked(&self.path, self.lock.take());
    }
}

/// Removes a directory, and lets go of its lock afterwards. What can't be removed now is a leftover
/// for the next one to remove.
fn remove_locked(path: &Path, lock: Option<File>) {
    let removed = fs::remove_dir_all(path);
    // Where open files can't be removed, it is the lock that was in the way.
    drop(lock);
    if removed.is_err() {
        drop(fs::remove_dir_all(path));
    }
}

/// Makes and locks a directory; `None` if another process was quicker.
fn claim(path: &Path) -> io::Result<Option<File>> {
    fs::create_dir(path)?;
    let name = path.join(LOCK_NAME);
    let lock = match open_lock(&name) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Where files can't be locked, nobody takes anything for a leftover either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(name.exists().then_some(lock)),
    }
}

/// Opens the file to be locked, which is made if it is missing. A directory of such a name may be
/// anybody's, so whatever is there is not emptied, and a link not followed.
fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    regular::open_own(&mut options, path)
}

/// Removes what nobody works in any more. That it can't be removed is no reason to stop.
pub(super) fn remove_leftovers(parent: &Path, prefix: &str) {
    clear_leftovers(parent, prefix, |_| {});
}

/// As [`remove_leftovers`], and does `before` with each before it is removed.
pub(super) fn clear_leftovers(parent: &Path, prefix: &str, before: impl Fn(&Path)) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix)
            && entry.file_type().is_ok_and(|found| found.is_dir());
        if !is_ours {
            continue;
        }
        // The lock is held while removing, so that of two processes only one does.
        if let Ok(lock) = open_lock(&entry.path().join(LOCK_NAME))
            && lock.try_lock().is_ok()
        {
            before(&entry.path());
            remove_locked(&entry.path(), Some(lock));
        }
    }
}

/// A number that nobody else gets: the standard library's hash maps are seeded with such.
pub(super) fn random() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// Waits until a directory's entries are on the disk.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    // Elsewhere directories can't be opened, and the file system sees to it by itself.
    if cfg!(unix) {
        File::open(path)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| Error::io(format!("syncing {}", path.display()), &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_removed_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join(".x-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("content"), b"").unwrap();
        let other = parent.path().join("x-other");
        fs::create_dir(&other).unwrap();
        let first = Scratch::new(parent.path(), ".x-").unwrap();
        assert!(!dead.exists());
        let second = Scratch::new(parent.path(), ".x-").unwrap();
        assert!(first.path().is_dir());
        assert_ne!(first.path(), second.path());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
        assert!(second.path().is_dir() && other.is_dir());
    }
}
