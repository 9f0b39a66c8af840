//! Scratch directories for unfinished files.
//!
//! Unfinished files are written to a hidden directory next to their destination, and renamed when
//! complete. A killed process leaves such a directory; the next process that works at the same
//! destination removes it. A lock on a file inside distinguishes leftovers from directories in use:
//! the system releases it when its process ends in any way.
//!
//! Other users may have access to the destination. So a directory is removed as a leftover only if
//! its name has the form that this module creates, it belongs to this user, no other user may write
//! to it, and it contains the lock file. Then only this user can have put anything into it.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use super::open;
use super::ownership::{is_own, is_private};
use crate::store::error::system::is_not_offered;
use crate::store::error::{Error, Result};

/// The file that is locked while the directory is in use.
const LOCK_NAME: &str = "lock";

/// Number of attempts to find an unused name.
const ATTEMPTS: usize = 16;

/// Number of hexadecimal digits after the prefix of a name.
const DIGITS: usize = 16;

/// A scratch directory, which is removed when this is dropped.
pub(crate) struct Scratch {
    path: PathBuf,
    lock: Option<File>,
    /// Whether it stays when this is dropped.
    is_left: bool,
}

impl Scratch {
    /// Like [`Scratch::new`], but creates `parent` if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] if either directory cannot be created.
    pub(crate) fn in_made(parent: &Path, prefix: &str) -> Result<Scratch> {
        make_parent(parent)?;
        Scratch::new(parent, prefix)
    }

    /// Creates a directory in `parent` that only this user may use and whose name begins with
    /// `prefix`. Removes the leftovers of this user's killed processes with the same prefix.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be created.
    pub(crate) fn new(parent: &Path, prefix: &str) -> Result<Scratch> {
        remove_leftovers(parent, prefix);
        Scratch::create(parent, prefix)
    }

    /// Like [`Scratch::in_made`], but moves the files of leftovers to the new directory. A file stays
    /// behind, and is removed, if another one has its name or it can't be moved.
    ///
    /// # Errors
    /// [`Error::Io`] if either directory cannot be created.
    pub(crate) fn adopting(parent: &Path, prefix: &str) -> Result<Scratch> {
        make_parent(parent)?;
        let scratch = Scratch::create(parent, prefix)?;
        clear_leftovers(parent, prefix, |leftover| {
            adopt(leftover, &scratch.path);
        });
        Ok(scratch)
    }

    fn create(parent: &Path, prefix: &str) -> Result<Scratch> {
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..ATTEMPTS {
            let path = parent.join(format!("{prefix}{:0DIGITS$x}", random()));
            match claim(&path) {
                Ok(Some(lock)) => {
                    return Ok(Scratch {
                        path,
                        lock: Some(lock),
                        is_left: false,
                    });
                }
                // Another process took it for a leftover before it was locked.
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

    /// Leaves the directory as a leftover, unless it is empty.
    pub(crate) fn leave(mut self) {
        let has_files = fs::read_dir(&self.path).is_ok_and(|entries| {
            let mut names = entries.flatten().map(|entry| entry.file_name());
            names.any(|name| name != LOCK_NAME)
        });
        self.is_left = has_files;
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_left {
            remove_locked(&self.path, self.lock.take());
        }
    }
}

fn make_parent(parent: &Path) -> Result<()> {
    fs::create_dir_all(parent)
        .map_err(|error| Error::io(format!("making the directory {}", parent.display()), &error))
}

/// Moves the files of a leftover to another directory. Ignores failures.
fn adopt(leftover: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(leftover) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let to = to.join(&name);
        if name != LOCK_NAME && fs::symlink_metadata(&to).is_err() {
            drop(fs::rename(entry.path(), &to));
        }
    }
}

/// Removes a directory, its lock last. If that fails or is interrupted, the rest is a leftover.
fn remove_locked(path: &Path, lock: Option<File>) {
    if remove_contents(path).is_err() {
        return;
    }
    let name = path.join(LOCK_NAME);
    let removed = fs::remove_file(&name);
    // On systems where an open file cannot be removed, remove it after closing it.
    drop(lock);
    if removed.is_err() {
        drop(fs::remove_file(&name));
    }
    drop(fs::remove_dir(path));
}

/// Removes the contents of a directory except for the lock. Links are not followed.
fn remove_contents(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == LOCK_NAME {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Creates and locks a directory; `None` if another process has removed or locked it first.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    let name = path.join(LOCK_NAME);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = match options.open(&name) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // If files cannot be locked, no process removes leftovers either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(name.exists().then_some(lock)),
    }
}

/// Removes leftovers. Ignores failures.
pub(crate) fn remove_leftovers(parent: &Path, prefix: &str) {
    clear_leftovers(parent, prefix, |_| {});
}

/// Like [`remove_leftovers`], but calls `before` with each leftover before removing it.
pub(crate) fn clear_leftovers(parent: &Path, prefix: &str, before: impl Fn(&Path)) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if !is_name(&entry.file_name(), prefix) {
            continue;
        }
        let path = entry.path();
        // The lock is held during the removal, so that only one process removes it.
        if let Some(lock) = lock_of_leftover(&path)
            && lock.try_lock().is_ok()
        {
            before(&path);
            remove_locked(&path, Some(lock));
        } else if is_own_directory(&path) {
            // Its process was killed before it created the lock, or after it removed it. A
            // directory that is not empty stays.
            drop(fs::remove_dir(&path));
        }
    }
}

/// Whether a name has the form that [`Scratch::new`] creates with this prefix.
pub(crate) fn is_name(name: &OsStr, prefix: &str) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix(prefix));
    digits.is_some_and(|digits| {
        digits.len() == DIGITS
            && digits
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Opens the lock of a directory that a process of this user created here; `None` for anything
/// else.
fn lock_of_leftover(path: &Path) -> Option<File> {
    if !is_own_directory(path) {
        return None;
    }
    let lock = open::open_own(File::options().write(true), &path.join(LOCK_NAME)).ok()?;
    is_own(&lock.metadata().ok()?).then_some(lock)
}

/// Whether this is a directory, not a link to one, that only this user may write to.
fn is_own_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && is_private(&found))
}

/// A random number, from the seeds of the standard library's hash maps.
pub(crate) fn random() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// Syncs a directory's entries, if the file system supports that. Those of networks and in user
/// space (CIFS, 9p, FUSE) often do not.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    // On other systems directories cannot be opened, and the file system syncs them itself.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(path).and_then(|directory| directory.sync_all()) {
        Err(error) if !is_not_offered(&error) => {
            Err(Error::io(format!("syncing {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}

/// Creates a directory as a killed process leaves it.
#[cfg(test)]
pub(crate) fn leave(parent: &Path, prefix: &str, number: u64) -> PathBuf {
    let path = parent.join(format!("{prefix}{number:016x}"));
    drop(claim(&path).unwrap());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = ".x-";

    fn leave(parent: &Path, number: u64) -> PathBuf {
        let path = crate::store::fs::scratch::leave(parent, PREFIX, number);
        fs::write(path.join("content"), b"").unwrap();
        path
    }

    #[test]
    fn leftovers_are_removed_and_directories_in_use_stay() {
        let parent = tempfile::tempdir().unwrap();
        let dead = leave(parent.path(), 1);
        fs::create_dir(dead.join("directory")).unwrap();
        fs::write(dead.join("directory").join("content"), b"").unwrap();
        // Killed before its lock was created, or after it was removed.
        let empty = leave(parent.path(), 2);
        for name in [LOCK_NAME, "content"] {
            fs::remove_file(empty.join(name)).unwrap();
        }
        let first = Scratch::new(parent.path(), PREFIX).unwrap();
        assert!(!dead.exists() && !empty.exists());
        let second = Scratch::new(parent.path(), PREFIX).unwrap();
        assert!(first.path().is_dir());
        assert_ne!(first.path(), second.path());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
        assert!(second.path().is_dir());
    }

    #[test]
    fn anything_similar_to_a_leftover_stays() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        for name in [
            "x-0000000000000001",
            ".x-000000000000001",
            ".x-00000000000000001",
            ".x-000000000000000A",
            ".x-production",
            ".x-",
        ] {
            fs::rename(leave(parent, 1), parent.join(name)).unwrap();
        }
        let no_lock = parent.join(".x-0000000000000002");
        fs::create_dir(&no_lock).unwrap();
        fs::write(no_lock.join("content"), b"").unwrap();
        let no_file = parent.join(".x-0000000000000003");
        fs::create_dir_all(no_file.join(LOCK_NAME)).unwrap();
        fs::write(parent.join(".x-0000000000000004"), b"").unwrap();
        let mut expected = 9;
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt, symlink};
            let elsewhere = leave(parent, 5);
            let target = parent.join("elsewhere");
            fs::rename(&elsewhere, &target).unwrap();
            symlink(&target, &elsewhere).unwrap();
            let linked_lock = leave(parent, 6);
            fs::rename(linked_lock.join(LOCK_NAME), parent.join("their lock")).unwrap();
            symlink(parent.join("their lock"), linked_lock.join(LOCK_NAME)).unwrap();
            for (number, mode) in [(7, 0o770), (8, 0o707)] {
                let shared = leave(parent, number);
                fs::set_permissions(&shared, fs::Permissions::from_mode(mode)).unwrap();
            }
            expected += 6;
            if rustix::process::geteuid().is_root() {
                let theirs = leave(parent, 9);
                std::os::unix::fs::chown(&theirs, Some(1234), None).unwrap();
                let their_lock = leave(parent, 10).join(LOCK_NAME);
                std::os::unix::fs::chown(&their_lock, Some(1234), None).unwrap();
                expected += 2;
            }
        }
        drop(Scratch::new(parent, PREFIX).unwrap());
        assert_eq!(fs::read_dir(parent).unwrap().count(), expected);
        assert!(no_lock.join("content").exists());
    }

    #[cfg(unix)]
    #[test]
    fn other_users_have_no_access() {
        use std::os::unix::fs::MetadataExt;
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(parent.path(), PREFIX).unwrap();
        let mode = |path: &Path| path.symlink_metadata().unwrap().mode() & 0o7777;
        assert_eq!(mode(scratch.path()), 0o700);
        assert_eq!(mode(&scratch.path().join(LOCK_NAME)), 0o600);
    }

    #[test]
    fn a_new_directory_takes_over_what_was_left() {
        let parent = tempfile::tempdir().unwrap();
        let names = |scratch: &Scratch| {
            let entries = fs::read_dir(scratch.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let first = Scratch::adopting(parent.path(), PREFIX).unwrap();
        fs::write(first.path().join("a"), "of the first").unwrap();
        // It is in use, so another one takes nothing of it.
        let second = Scratch::adopting(parent.path(), PREFIX).unwrap();
        assert_eq!(names(&second), [LOCK_NAME]);
        fs::write(second.path().join("b"), "of the second").unwrap();
        let (first_path, second_path) = (first.path().to_owned(), second.path().to_owned());
        first.leave();
        second.leave();
        assert!(first_path.exists() && second_path.exists());
        let third = Scratch::adopting(parent.path(), PREFIX).unwrap();
        assert_eq!(names(&third), ["a", "b", LOCK_NAME]);
        assert!(!first_path.exists() && !second_path.exists());
        fs::remove_file(third.path().join("a")).unwrap();
        fs::remove_file(third.path().join("b")).unwrap();
        // An empty directory is not left.
        third.leave();
        assert!(fs::read_dir(parent.path()).unwrap().next().is_none());
    }
}
