//! Errors of the system, with the names that Node.js uses in `code` on every system.

use std::io::{self, ErrorKind};

/// The name of an error; `EIO` for those that a store does not encounter.
pub(crate) fn code(error: &io::Error) -> &'static str {
    match (error.raw_os_error(), error.kind()) {
        (Some(number), _) => name(number),
        (None, ErrorKind::NotFound) => "ENOENT",
        (None, ErrorKind::AlreadyExists) => "EEXIST",
        (None, ErrorKind::IsADirectory) => "EISDIR",
        (None, _) => "EIO",
    }
}

/// The system's error for a missing file.
pub(crate) fn not_found() -> io::Error {
    // The number is the same on all systems.
    io::Error::from_raw_os_error(2)
}

/// The system's error for an existing file.
pub(crate) fn exists() -> io::Error {
    #[cfg(unix)]
    let number = rustix::io::Errno::EXIST.raw_os_error();
    #[cfg(not(unix))]
    let number = windows::FILE_EXISTS;
    io::Error::from_raw_os_error(number)
}

/// The system's error for a directory in place of a file.
pub(crate) fn is_a_directory() -> io::Error {
    #[cfg(unix)]
    return rustix::io::Errno::ISDIR.into();
    // Windows reports only that access is denied.
    #[cfg(not(unix))]
    ErrorKind::IsADirectory.into()
}

/// Whether the system or the file system does not support an operation, as opposed to a failure of
/// it.
#[cfg(unix)]
pub(crate) fn is_not_offered(error: &io::Error) -> bool {
    use rustix::io::Errno;
    // ENOTSUP and EOPNOTSUPP are different numbers on some systems.
    const NUMBERS: [Errno; 5] = [
        Errno::INVAL,
        Errno::BADF,
        Errno::NOSYS,
        Errno::NOTSUP,
        Errno::OPNOTSUPP,
    ];
    error
        .raw_os_error()
        .is_some_and(|number| NUMBERS.contains(&Errno::from_raw_os_error(number)))
}

/// Whether the system or the file system does not support an operation.
#[cfg(not(unix))]
pub(crate) fn is_not_offered(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
}

/// The last failed system call of this thread. If SQLite has just failed, this is the cause.
pub(crate) fn last() -> Option<&'static str> {
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        None | Some(0) => None,
        Some(_) => Some(code(&error)),
    }
}

/// The hint for a failure to start a thread.
pub(crate) const NO_THREAD: &str = "The system gives this process no more threads (EAGAIN). Raise the \
    limit (ulimit -u, TasksMax of a systemd unit, or the pids limit of a container), or end other \
    processes, and retry";

/// The hint for a system error that has a single cause in every operation; `None` for others.
pub(crate) fn hint(code: &str) -> Option<&'static str> {
    match code {
        "EMFILE" => Some(
            "This process has too many open files (EMFILE). Close stores, exporters and files that \
             are not needed, or raise the limit (ulimit -n, or LimitNOFILE of a systemd unit), and \
             retry",
        ),
        "ENFILE" => Some(
            "The system has too many open files (ENFILE). End other programs, or raise the limit \
             (the sysctl fs.file-max), and retry",
        ),
        "ENOSPC" => Some("Its disk is full (ENOSPC). Make room there, and retry"),
        "EDQUOT" => Some(
            "This user's quota on its disk is used up (EDQUOT). Make room there, or have the quota \
             raised, and retry",
        ),
        "EFBIG" => Some(
            "The file would exceed the size limit of this process or of the file system (EFBIG). \
             Raise the limit (ulimit -f), or use another file system, and retry",
        ),
        "EROFS" => Some(
            "Its disk is mounted read-only (EROFS). Mount it for writing, or work on a copy elsewhere",
        ),
        "ENAMETOOLONG" => Some("Its path is too long (ENAMETOOLONG). Use a shorter one"),
        "ELOOP" => Some(
            "Its path contains a cycle of links (ELOOP). Name the store's directory without links",
        ),
        "ENOLCK" | "ENOTSUP" | "ENOSYS" => Some(
            "The file system does not support lock files or shared memory, which a store needs. Move \
             the store to a local disk",
        ),
        _ => None,
    }
}

/// Whether a file could not be moved, replaced or removed because it is open, which happens only on
/// Windows.
pub(crate) fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && code(error) == "EBUSY"
}

#[cfg(unix)]
fn name(number: i32) -> &'static str {
    use rustix::io::Errno;
    match Errno::from_raw_os_error(number) {
        Errno::AGAIN => "EAGAIN",
        Errno::BADF => "EBADF",
        Errno::BUSY => "EBUSY",
        Errno::DQUOT => "EDQUOT",
        Errno::INVAL => "EINVAL",
        Errno::MLINK => "EMLINK",
        Errno::NFILE => "ENFILE",
        Errno::NODEV => "ENODEV",
        Errno::NOLCK => "ENOLCK",
        Errno::NOMEM => "ENOMEM",
        Errno::NOSYS => "ENOSYS",
        Errno::NOTSUP => "ENOTSUP",
        Errno::NXIO => "ENXIO",
        Errno::OVERFLOW => "EOVERFLOW",
        Errno::PIPE => "EPIPE",
        Errno::STALE => "ESTALE",
        Errno::TIMEDOUT => "ETIMEDOUT",
        Errno::TXTBSY => "ETXTBSY",
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

/// The same mapping as libuv's.
#[cfg(not(unix))]
fn name(number: i32) -> &'static str {
    match number {
        // A missing file, path or drive; an invalid path; a directory that is not one.
        2 | 3 | 15 | 123 | 161 | 267 => "ENOENT",
        4 => "EMFILE",
        // Out of memory, threads and the like, or page file.
        8 | 14 | 1450 | 1455 => "ENOMEM",
        1295 => "EDQUOT",
        // Access denied, also for opening a directory as a file or replacing one by a file.
        5 | 1314 => "EPERM",
        17 => "EXDEV",
        19 => "EROFS",
        // Another process has the file open, or has locked a part of it.
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
    pub(crate) const FILE_EXISTS: i32 = 80;
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

    #[cfg(unix)]
    #[test]
    fn unsupported_operations_are_distinguished_from_failures() {
        use rustix::io::Errno;
        let errors = |numbers: &[Errno]| -> Vec<bool> {
            let error = |number: &Errno| io::Error::from(*number);
            numbers
                .iter()
                .map(|number| is_not_offered(&error(number)))
                .collect()
        };
        let lacks = [Errno::INVAL, Errno::BADF, Errno::NOSYS, Errno::NOTSUP];
        assert_eq!(errors(&lacks), [true; 4]);
        let fails = [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::ACCESS];
        assert_eq!(errors(&fails), [false; 4]);
        assert!(!is_not_offered(&io::Error::other("something")));
    }
}
