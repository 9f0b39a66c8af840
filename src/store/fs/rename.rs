//! Renaming a file, also where others look into files that are new.

use std::io;
use std::path::Path;

/// As [`std::fs::rename`]. On Windows a file that somebody has open can be neither moved nor
/// replaced, and virus scanners and indexers open whatever is new for a moment, so there it is tried
/// again for a while.
///
/// # Errors
/// As [`std::fs::rename`].
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(windows)]
    return patient::rename(from, to);
    #[cfg(not(windows))]
    std::fs::rename(from, to)
}

/// As [`rename`], but nothing is replaced: an error of the kind `AlreadyExists` says that something
/// has the name. Where the system can't see to that, something that comes to have it in the same
/// moment is replaced.
///
/// # Errors
/// As [`std::fs::rename`].
pub(crate) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // The file system or the system has no such call.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            outcome => return Ok(outcome?),
        }
    }
    if to.symlink_metadata().is_ok() {
        return Err(crate::store::error::system::exists());
    }
    rename(from, to)
}

#[cfg(test)]
mod new_tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_there_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| directory.path().join(name));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        let error = rename_to_new(&from, &to).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"old");
        fs::remove_file(&to).unwrap();
        rename_to_new(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"new");
        assert!(!from.exists());
    }
}

#[cfg(windows)]
mod patient {
    use std::fs::{self, File};
    use std::os::windows::fs::OpenOptionsExt;
    use std::path::Path;
    use std::time::Duration;
    use std::{io, thread};

    use crate::store::error::system;
    use crate::store::error::system::is_in_use;

    /// The pauses between attempts, the next one twice as long as the last: half a second in all.
    const FIRST: Duration = Duration::from_millis(4);
    const ATTEMPTS: u32 = 8;

    pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
        let mut pause = FIRST;
        for _ in 1..ATTEMPTS {
            match fs::rename(from, to) {
                Err(error) if may_pass(&error) && !to.is_dir() => {
                    thread::sleep(pause);
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        fs::rename(from, to).map_err(|error| match is_open(to) {
            Some(in_use) if is_denied(&error) => in_use,
            _ => error,
        })
    }

    /// Of a file that somebody has open Windows says that it is in use, or, if it is to be replaced
    /// or is being removed, that access is denied.
    fn may_pass(error: &io::Error) -> bool {
        is_in_use(error) || is_denied(error)
    }

    fn is_denied(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::PermissionDenied
    }

    /// The error that somebody has a file open, if so.
    fn is_open(file: &Path) -> Option<io::Error> {
        let alone = File::options().read(true).share_mode(0).open(file);
        alone.err().filter(system::is_in_use)
    }
}

#[cfg(all(test, windows))]
mod tests {
    use std::os::windows::fs::OpenOptionsExt;
    use std::time::Duration;
    use std::{fs, thread};

    use super::*;
    use crate::store::error::system;

    #[test]
    fn whoever_has_a_file_open_for_a_moment_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| directory.path().join(name));
        fs::write(&from, b"new").unwrap();
        fs::write(&to, b"old").unwrap();
        // As SQLite and many others open files: others may read and write them, but not move them.
        let open = || {
            fs::File::options()
                .read(true)
                .share_mode(3)
                .open(&to)
                .unwrap()
        };
        let held = open();
        let error = rename(&from, &to).unwrap_err();
        assert_eq!(system::code(&error), "EBUSY", "{error}");
        assert_eq!(fs::read(&to).unwrap(), b"old");
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(50));
                drop(held);
            });
            rename(&from, &to).unwrap();
        });
        assert_eq!(fs::read(&to).unwrap(), b"new");
    }
}
