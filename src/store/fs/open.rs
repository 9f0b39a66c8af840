//! Opens files that another user may have put there.
//!
//! Opening a FIFO would block until it has a writer, and a device may be endless. So paths are
//! opened without blocking, and the opened file is checked: a check of the path beforehand would
//! prove nothing.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::sidecar::{SIDECARS, sidecar};
use crate::store::error::{Error, Result};

/// Opens a regular file for reading.
///
/// # Errors
/// The system's errors; an error without a system code if the path leads to anything but a regular
/// file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_with(File::options().read(true), path)
}

/// Like [`open`], with these options. Something that is not a regular file may be opened for an
/// instant, but is neither read nor written.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    check_opened(options, false, path)
}

/// The database file that SQLite opens at `file`. SQLite follows links, and puts sidecar files next
/// to a link's target.
pub(crate) fn real(file: &Path) -> PathBuf {
    let is_link = file
        .symlink_metadata()
        .is_ok_and(|found| found.is_symlink());
    let real = is_link.then(|| dunce::canonicalize(file).ok()).flatten();
    real.unwrap_or_else(|| file.to_owned())
}

/// Fails if a database is neither a file nor a directory, or if a sidecar file is not a regular
/// file: SQLite would block on a FIFO, and fail late on a link.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn check_database(file: &Path) -> Result<()> {
    let file = real(file);
    // SQLite reports other problems.
    match file.metadata() {
        Ok(found) if !found.is_file() && !found.is_dir() => Err(opening(&file)),
        _ => check_beside(&file),
    }
}

/// Fails if anything but a regular file has the name of a sidecar file.
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

/// Like [`open_with`], for files that this package has created: links are refused.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    check_opened(options, true, path)
}

fn check_opened(options: &mut OpenOptions, is_own: bool, path: &Path) -> io::Result<File> {
    set_flags(options, is_own);
    let file = options.open(path).map_err(|error| {
        if cannot_be_opened(&error, path) {
            irregular()
        } else {
            error
        }
    })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(irregular())
    }
}

#[cfg(unix)]
fn set_flags(options: &mut OpenOptions, is_own: bool) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    // Opening a terminal must not make it this process's controlling terminal.
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    flags.set(OFlags::NOFOLLOW, is_own);
    options.custom_flags(flags.bits() as i32);
}

#[cfg(not(unix))]
fn set_flags(options: &mut OpenOptions, is_own: bool) {
    use std::os::windows::fs::OpenOptionsExt;
    /// `FILE_FLAG_OPEN_REPARSE_POINT`: opens a link itself, not its target.
    const NOT_FOLLOWED: u32 = 0x0020_0000;
    options.custom_flags(if is_own { NOT_FOLLOWED } else { 0 });
}

/// Whether an error results from opening a FIFO without a reader for writing, or a socket.
#[cfg(unix)]
fn cannot_be_opened(error: &io::Error, _path: &Path) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
}

/// Whether an error results from opening a directory.
#[cfg(not(unix))]
fn cannot_be_opened(error: &io::Error, path: &Path) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && path.is_dir()
}

/// The error for anything but a regular file.
pub(crate) fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

#[cfg(all(test, windows))]
mod windows_tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_open_follows_links() {
        let base = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| base.path().join(name));
        fs::write(&file, "x").unwrap();
        open_own(File::options().read(true), &file).unwrap();
        assert_eq!(
            open(base.path()).unwrap_err().to_string(),
            "it is not a regular file"
        );
        // Not every user may create links.
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
