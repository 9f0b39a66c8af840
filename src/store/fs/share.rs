//! Gives a new file the contents of an existing one, without writing them if possible.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use super::open;
use super::ownership::is_own;
use crate::store::error::Result;
use crate::store::tasks::monitor::Monitor;

/// How many bytes are copied between two checks for an abort.
const COPY_BYTES: u64 = 8 << 20;

/// How a file got its contents.
pub(crate) enum Shared {
    /// By a hard link: both names belong to one file.
    Linked,
    /// By a clone: both files share their blocks on the disk, until one is changed.
    Cloned(File),
    /// By a copy.
    Copied(File),
}

/// Creates the file `to` with the contents of `from`: by a hard link, or a clone, or a copy. Returns
/// its size, too. Returns `None`, and leaves no file, if that is not possible for any reason: if
/// `from` is a link or anything but a regular file, is missing or can't be read, or the disk is full.
///
/// A file that belongs to another user, or that everybody may write to, is not linked, because they
/// could change it later.
///
/// # Errors
/// [`Error::Aborted`](crate::store::error::Error::Aborted).
pub(crate) fn share(from: &Path, to: &Path, monitor: &Monitor) -> Result<Option<(Shared, u64)>> {
    monitor.check()?;
    if let Some(bytes) = link(from, to) {
        return Ok(Some((Shared::Linked, bytes)));
    }
    let Ok(mut source) = open::open_own(File::options().read(true), from) else {
        return Ok(None);
    };
    let Ok(target) = File::create_new(to) else {
        return Ok(None);
    };
    let shared = if clone(&source, &target) {
        source
            .metadata()
            .map(|found| (Shared::Cloned(target), found.len()))
    } else {
        let mut target = target;
        let copied = copy(&mut source, &mut target, monitor);
        copied.map(|bytes| (Shared::Copied(target), bytes))
    };
    match shared {
        Ok(shared) => Ok(Some(shared)),
        Err(_) => {
            drop(fs::remove_file(to));
            monitor.check()?;
            Ok(None)
        }
    }
}

/// Links a file if it may be; returns its size.
///
/// The new name is examined, not the old one, which anybody may replace who can write to its
/// directory.
fn link(from: &Path, to: &Path) -> Option<u64> {
    fs::hard_link(from, to).ok()?;
    match fs::symlink_metadata(to) {
        Ok(found) if found.is_file() && is_own(&found) && !is_open_to_all(&found) => {
            Some(found.len())
        }
        _ => {
            drop(fs::remove_file(to));
            None
        }
    }
}

#[cfg(unix)]
fn is_open_to_all(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(found) & 0o002 != 0
}

#[cfg(not(unix))]
fn is_open_to_all(_found: &Metadata) -> bool {
    false
}

/// Clones a file. Returns false if the file system can't.
#[cfg(target_os = "linux")]
fn clone(source: &File, target: &File) -> bool {
    rustix::fs::ioctl_ficlone(target, source).is_ok()
}

/// Elsewhere, the file is copied.
#[cfg(not(target_os = "linux"))]
fn clone(_source: &File, _target: &File) -> bool {
    false
}

fn copy(source: &mut File, target: &mut File, monitor: &Monitor) -> io::Result<u64> {
    let mut bytes = 0;
    loop {
        let copied = io::copy(&mut source.take(COPY_BYTES), target)?;
        bytes += copied;
        if copied == 0 {
            return Ok(bytes);
        }
        monitor.check().map_err(io::Error::other)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(shared: &Option<(Shared, u64)>) -> &'static str {
        match shared {
            None => "none",
            Some((Shared::Linked, _)) => "linked",
            Some((Shared::Cloned(_), _)) => "cloned",
            Some((Shared::Copied(_), _)) => "copied",
        }
    }

    #[test]
    fn files_are_linked_or_copied() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let monitor = Monitor::default();
        fs::write(at("file"), "contents").unwrap();
        let linked = share(&at("file"), &at("linked"), &monitor).unwrap();
        assert_eq!(kind(&linked), "linked");
        assert_eq!(linked.unwrap().1, 8);
        assert_eq!(fs::read(at("linked")).unwrap(), b"contents");
        // The new name is taken.
        assert!(
            share(&at("file"), &at("linked"), &monitor)
                .unwrap()
                .is_none()
        );
        assert!(
            share(&at("missing"), &at("new"), &monitor)
                .unwrap()
                .is_none()
        );
        assert!(
            share(directory.path(), &at("new"), &monitor)
                .unwrap()
                .is_none()
        );
        assert!(!at("new").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_change_is_copied() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let monitor = Monitor::default();
        fs::write(at("file"), "contents").unwrap();
        let mut all = vec![0o666];
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(at("file"), Some(1234), None).unwrap();
            all.push(0o644);
        }
        for mode in all {
            fs::set_permissions(at("file"), fs::Permissions::from_mode(mode)).unwrap();
            let copied = share(&at("file"), &at("copied"), &monitor).unwrap();
            assert!(["cloned", "copied"].contains(&kind(&copied)));
            assert_eq!(fs::read(at("copied")).unwrap(), b"contents");
            let inode = |name| at(name).metadata().unwrap().ino();
            assert_ne!(inode("copied"), inode("file"));
            fs::remove_file(at("copied")).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_special_files_are_not_shared() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "contents").unwrap();
        std::os::unix::fs::symlink(at("file"), at("symlink")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for name in ["symlink", "socket"] {
            let shared = share(&at(name), &at("new"), &Monitor::default()).unwrap();
            assert_eq!(kind(&shared), "none", "{name}");
            assert!(fs::symlink_metadata(at("new")).is_err(), "{name}");
        }
    }

    #[test]
    fn a_copy_has_all_bytes_and_can_be_aborted() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let contents = vec![7; COPY_BYTES as usize + 1];
        fs::write(at("file"), &contents).unwrap();
        let open = || File::open(at("file")).unwrap();
        let mut target = File::create_new(at("new")).unwrap();
        let monitor = Monitor::default();
        let bytes = copy(&mut open(), &mut target, &monitor).unwrap();
        assert_eq!(bytes, contents.len() as u64);
        assert!(fs::read(at("new")).unwrap() == contents);
        monitor.abort();
        assert!(copy(&mut open(), &mut target, &monitor).is_err());
        assert!(share(&at("file"), &at("other"), &monitor).is_err());
        assert!(!at("other").exists());
    }
}
