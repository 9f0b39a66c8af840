//! Opening files that somebody else may have put there.
//!
//! A FIFO of an artifact's name, opened like a file, would wait for a writer for ever, and a device
//! may have no end. So such paths are opened without waiting, and what was opened is looked at:
//! what a path led to a moment before says nothing.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::sidecar::{SIDECARS, sidecar};
use crate::store::error::{Error, Result};

/// Opens a file for reading.
///
/// # Errors
/// The system's; if it is anything but a regular file, one without a code of the system.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_with(File::options().read(true), path)
}

/// As [`open`], with these options. What is not a regular file may have been opened for a moment,
/// but nothing is read from it or written to it.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    check_opened(options, false, path)
}

/// The database file that SQLite opens at `file`: it follows links, and has its own files beside
/// what they lead to.
pub(crate) fn real(file: &Path) -> PathBuf {
    let is_link = file
        .symlink_metadata()
        .is_ok_and(|found| found.is_symlink());
    let real = is_link.then(|| dunce::canonicalize(file).ok()).flatten();
    real.unwrap_or_else(|| file.to_owned())
}

/// Fails if a database is neither a file nor a directory, or if what SQLite reads or writes beside
/// it is anything but a regular file: SQLite waits for a FIFO's writer, and fails late at a link.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn check_database(file: &Path) -> Result<()> {
    let file = real(file);
    // Whatever else is wrong, SQLite will say so.
    match file.metadata() {
        Ok(found) if !found.is_file() && !found.is_dir() => Err(opening(&file)),
        _ => check_beside(&file),
    }
}

/// Fails if there is anything but a regular file at a name that SQLite uses beside a database.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn check_beside(file: &Path) -> Result<()> {
    for path in SIDECARS.map(|suffix| sidecar(file, suffix)) {
        if let Ok(found) = path.symlink_metadata()
            && !found.is_file()
        {
            return Err(opening(&path));
        }
    }
    Ok(())
}

fn opening(path: &Path) -> Error {
    Error::io(format!("opening {}", path.display()), &irregular())
}

/// As [`open_with`], for files that this package makes: a link is not one of them, and is not
/// followed.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    check_opened(options, true, path)
}

fn check_opened(options: &mut OpenOptions, is_own: bool, path: &Path) -> io::Result<File> {
    set_flags(options, is_own);
    let file = options
        .open(path)
        .map_err(|error| match unready(&error, path) {
            true => irregular(),
            false => error,
        })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(irregular()),
    }
}

#[cfg(unix)]
fn set_flags(options: &mut OpenOptions, is_own: bool) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    // A terminal must not become this process's own by being opened.
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    flags.set(OFlags::NOFOLLOW, is_own);
    options.custom_flags(flags.bits() as i32);
}

#[cfg(not(unix))]
fn set_flags(options: &mut OpenOptions, is_own: bool) {
    use std::os::windows::fs::OpenOptionsExt;
    /// `FILE_FLAG_OPEN_REPARSE_POINT`: the link itself, not what it leads to.
    const NOT_FOLLOWED: u32 = 0x0020_0000;
    options.custom_flags(if is_own { NOT_FOLLOWED } else { 0 });
}

/// Whether an error is that of opening a FIFO without a reader for writing, or a socket.
#[cfg(unix)]
fn unready(error: &io::Error, _path: &Path) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
}

/// Whether an error is that of opening a directory.
#[cfg(not(unix))]
fn unready(error: &io::Error, path: &Path) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && path.is_dir()
}

/// The error of a path that leads to something else than a regular file.
pub(crate) fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

#[cfg(all(test, windows))]
mod windows_tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_link_is_followed_only_where_it_may_be_anybody_s() {
        let base = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| base.path().join(name));
        fs::write(&file, "x").unwrap();
        open_own(File::options().read(true), &file).unwrap();
        assert_eq!(
            open(base.path()).unwrap_err().to_string(),
            "it is not a regular file"
        );
        // Not every user may make links.
        if std::os::windows::fs::symlink_file(&file, &link).is_ok() && link.is_symlink() {
            open(&link).unwrap();
            let error = open_own(File::options().read(true), &link).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::io::Read;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        let file = base.join("file");
        fs::write(&file, "x").unwrap();
        let mut text = String::new();
        open(&file).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        let fifo = base.join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let socket = base.join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = base.join("link");
        std::os::unix::fs::symlink(&fifo, &link).unwrap();
        for path in [&fifo, &socket, &link, Path::new("/dev/zero"), base] {
            let error = open(path).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file", "{path:?}");
        }
        for path in [&fifo, &socket, &link] {
            let error = open_with(File::options().write(true), path).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file", "{path:?}");
        }
        let missing = open(&base.join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
