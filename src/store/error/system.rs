//! The system's failures by the names that Node.js gives them in `code`, whatever numbers the
//! system has for them.

use std::io::{self, ErrorKind};

/// The name of a failure; `EIO` for those that no store meets.
pub(crate) fn code(error: &io::Error) -> &'static str {
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
pub(crate) fn exists() -> io::Error {
    #[cfg(unix)]
    let number = rustix::io::Errno::EXIST.raw_os_error();
    #[cfg(not(unix))]
    let number = windows::FILE_EXISTS;
    io::Error::from_raw_os_error(number)
}

/// There is a directory where a file should be.
pub(crate) fn is_a_directory() -> io::Error {
    #[cfg(unix)]
    return rustix::io::Errno::ISDIR.into();
    // Windows has no words for it but that access is denied.
    #[cfg(not(unix))]
    ErrorKind::IsADirectory.into()
}

/// Whether the system, or the file system, does not have what it was asked for at all, as opposed to
/// having failed at it.
#[cfg(unix)]
pub(crate) fn is_not_offered(error: &io::Error) -> bool {
    use rustix::io::Errno;
    // ENOTSUP and EOPNOTSUPP are two numbers on some systems.
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

/// Whether the system, or the file system, does not have what it was asked for at all.
#[cfg(not(unix))]
pub(crate) fn is_not_offered(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
}

/// The last failed call of the system on this thread, which says why SQLite failed, if SQLite has
/// failed just now.
pub(crate) fn last() -> Option<&'static str> {
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        None | Some(0) => None,
        Some(_) => Some(code(&error)),
    }
}

/// What to do where the system has no thread to give.
pub(crate) const NO_THREAD: &str = "The system gives this process no more threads (EAGAIN). Raise the \
    limit (ulimit -u, TasksMax of a systemd unit, or the pids limit of a container), or end other \
    processes, and do it again";

/// What to do about a failure of the system's that has one cause, whatever failed; `None` if there
/// is more to it.
pub(crate) fn hint(code: &str) -> Option<&'static str> {
    match code {
        "EMFILE" => Some(
            "This process has as many files open as it may (EMFILE). Close stores, exporters and \
             files that are not needed, or raise the limit (ulimit -n, or LimitNOFILE of a systemd \
             unit), and do it again",
        ),
        "ENFILE" => Some(
            "The system has as many files open as it may (ENFILE). End other programs, or raise the \
             limit (the sysctl fs.file-max), and do it again",
        ),
        "ENOSPC" => Some("Its disk is full (ENOSPC). Make room there, and do it again"),
        "EDQUOT" => Some(
            "This user's quota on its disk is used up (EDQUOT). Make room there, or have the quota \
             raised, and do it again",
        ),
        "EFBIG" => Some(
            "The file would be larger than this process or the file system lets a file be (EFBIG). \
             Raise the limit (ulimit -f), or use another file system, and do it again",
        ),
        "EROFS" => Some(
            "Its disk is mounted read-only (EROFS). Mount it for writing, or work on a copy elsewhere",
        ),
        "ENAMETOOLONG" => Some("Its path is too long (ENAMETOOLONG). Use a shorter one"),
        "ELOOP" => Some(
            "Its path leads through links that lead to each other (ELOOP). Name the directory that \
             the store is in",
        ),
        "ENOLCK" | "ENOTSUP" | "ENOSYS" => Some(
            "The file system can't lock files, or can't share memory between processes, which a store \
             needs. Keep the store on a local disk",
        ),
        _ => None,
    }
}

/// Whether a file could not be moved, replaced or removed because somebody has it open, which is no
/// obstacle but on Windows.
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

/// As libuv translates them.
#[cfg(not(unix))]
fn name(number: i32) -> &'static str {
    match number {
        // A file, a path, a drive; a path that can't be one; a directory that is none.
        2 | 3 | 15 | 123 | 161 | 267 => "ENOENT",
        4 => "EMFILE",
        // No memory, no more threads among other things, no page file.
        8 | 14 | 1450 | 1455 => "ENOMEM",
        1295 => "EDQUOT",
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
    fn what_a_file_system_lacks_is_told_from_what_fails() {
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
