//! The system's failures by the names that Node.js gives them in `code`, whatever numbers the
//! system has for them.

use std::io::{self, ErrorKind};

/// The name of a failure; `EIO` for those that no store meets.
pub(super) fn code(error: &io::Error) -> &'static str {
    match (error.raw_os_error(), error.kind()) {
        (Some(number), _) => name(number),
        (None, ErrorKind::NotFound) => "ENOENT",
        (None, ErrorKind::AlreadyExists) => "EEXIST",
        (None, ErrorKind::IsADirectory) => "EISDIR",
        (None, _) => "EIO",
    }
}

/// There is no such file, said as the system says it.
pub(crate) fn not_found() -> io::Error {
    // The same number everywhere.
    io::Error::from_raw_os_error(2)
}

/// There is a file of the name, said as the system says it.
pub(super) fn exists() -> io::Error {
    #[cfg(unix)]
    let number = rustix::io::Errno::EXIST.raw_os_error();
    #[cfg(not(unix))]
    let number = windows::FILE_EXISTS;
    io::Error::from_raw_os_error(number)
}

/// There is a directory where a file should be.
pub(super) fn is_a_directory() -> io::Error {
    #[cfg(unix)]
    return rustix::io::Errno::ISDIR.into();
    // Windows has no words for it but that access is denied.
    #[cfg(not(unix))]
    ErrorKind::IsADirectory.into()
}

/// Whether a file could not be moved, replaced or removed because somebody has it open, which is no
/// obstacle but on Windows.
pub(super) fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && code(error) == "EBUSY"
}

#[cfg(unix)]
fn name(number: i32) -> &'static str {
    use rustix::io::Errno;
    match Errno::from_raw_os_error(number) {
        Errno::PERM => "EPERM",
        Errno::NOENT => "ENOENT",
        Errno::ACCESS => "EACCES",
        Errno::EXIST => "EEXIST",
        Errno::XDEV => "EXDEV",
        Errno::NOTDIR => "ENOTDIR",
        Errno::ISDIR => "EISDIR",
        Errno::MFILE => "EMFILE",
        Errno::FBIG => "EFBIG",
        Errno::NOSPC => "ENOSPC",
        Errno::ROFS => "EROFS",
        Errno::NAMETOOLONG => "ENAMETOOLONG",
        Errno::NOTEMPTY => "ENOTEMPTY",
        Errno::LOOP => "ELOOP",
        _ => "EIO",
    }
}

/// As libuv translates them.
#[cfg(not(unix))]
fn name(number: i32) -> &'static str {
    match number {
        // A file, a path, a drive; a path that can't be one; a directory that is none.
        2 | 3 | 15 | 123 | 161 | 267 => "ENOENT",
        4 => "EMFILE",
        // Access denied, which it also is to open a directory as a file, or to replace one by a file.
        5 | 1314 => "EPERM",
        17 => "EXDEV",
        19 => "EROFS",
        // Somebody else has the file open, or a part of it locked.
        32 | 33 => "EBUSY",
        39 | 112 => "ENOSPC",
        windows::FILE_EXISTS | 183 => "EEXIST",
        111 | 206 => "ENAMETOOLONG",
        145 => "ENOTEMPTY",
        223 => "EFBIG",
        740 | 998 | 1920 => "EACCES",
        1921 => "ELOOP",
        _ => "EIO",
    }
}

#[cfg(not(unix))]
mod windows {
    /// `ERROR_FILE_EXISTS`.
    pub(super) const FILE_EXISTS: i32 = 80;
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_same_failures_have_the_same_names_everywhere() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let file = directory.join("file");
        let missing = fs::File::open(&file).unwrap_err();
        assert_eq!((code(&missing), code(&not_found())), ("ENOENT", "ENOENT"));
        let missing = fs::File::create(directory.join("missing").join("file")).unwrap_err();
        assert_eq!(code(&missing), "ENOENT");
        fs::write(&file, b"").unwrap();
        let taken = fs::File::create_new(&file).unwrap_err();
        assert_eq!((code(&taken), code(&exists())), ("EEXIST", "EEXIST"));
        assert_eq!(taken.to_string(), exists().to_string());
        let taken = fs::create_dir(directory).unwrap_err();
        assert_eq!(code(&taken), "EEXIST");
        let full = fs::remove_dir(directory).unwrap_err();
        assert_eq!(code(&full), "ENOTEMPTY");
        assert_eq!(code(&is_a_directory()), "EISDIR");
        assert_eq!(code(&io::Error::other("something")), "EIO");
    }
}
