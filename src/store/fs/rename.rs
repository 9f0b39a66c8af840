//! Renames files, and retries on Windows while another program has them open.

use std::io;
use std::path::Path;

/// Like [`std::fs::rename`]. On Windows an open file can be neither moved nor replaced, and virus
/// scanners and indexers open new files for an instant, so there it retries for a while.
///
/// # Errors
/// Those of [`std::fs::rename`].
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(windows)]
    return patient::rename(from, to);
    #[cfg(not(windows))]
    std::fs::rename(from, to)
}

/// Like [`rename`], but fails with an error of kind `AlreadyExists` if `to` exists. On systems
/// without an atomic call for this, a file that is created at the same instant may be replaced.
///
/// # Errors
/// Those of [`std::fs::rename`].
pub(crate) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // The system or the file system does not support this call.
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
    fn an_existing_file_is_not_replaced() {
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

    /// The first pause between attempts. Each further pause is twice as long; half a second in all.
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

    /// For an open file, Windows reports that it is in use, or, if it is being replaced or removed,
    /// that access is denied.
    fn may_pass(error: &io::Error) -> bool {
        is_in_use(error) || is_denied(error)
    }

    fn is_denied(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::PermissionDenied
    }

    /// The error that a file is in use, if it is.
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
    fn a_file_that_is_open_for_an_instant_is_awaited() {
        let directory = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| directory.path().join(name));
        fs::write(&from, b"new").unwrap();
        fs::write(&to, b"old").unwrap();
        // SQLite and many other programs open files like this: others may read and write them, but
        // not move them.
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
