//! A file system layer for SQLite that fails on demand.
//!
//! It replaces the process's default VFS and forwards every call to it, except those that
//! [`plan`](super::plan) makes fail. It forwards all versions of the file methods, so that a WAL index
//! is mapped as usual.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use rusqlite::ffi::{
    self, SQLITE_IOERR_SHORT_READ, SQLITE_OK, sqlite3_file, sqlite3_filename, sqlite3_int64,
    sqlite3_io_methods, sqlite3_vfs,
};

use super::plan::{self, Call, Damage};

/// An open file: this struct, followed by the file of the VFS below.
#[repr(C)]
struct Faulty {
    base: sqlite3_file,
    /// The name that SQLite keeps as long as the file is open; null for a temporary file.
    name: *const c_char,
}

/// The VFS below, and ours.
struct Layers {
    below: *mut sqlite3_vfs,
    methods: sqlite3_io_methods,
}

// SAFETY: SQLite allows a VFS to be used from any thread, and neither field is changed.
unsafe impl Send for Layers {}
// SAFETY: as above.
unsafe impl Sync for Layers {}

static LAYERS: OnceLock<Layers> = OnceLock::new();

/// Installs this VFS for all connections that the process opens from now on.
pub fn install() {
    LAYERS.get_or_init(|| {
        // SAFETY: SQLite never frees its default VFS, and ours is leaked. Ours is a copy, so that it
        // keeps the data and the sizes of the default VFS.
        unsafe {
            let below = ffi::sqlite3_vfs_find(ptr::null());
            assert!(!below.is_null());
            let mut ours = ptr::read(below);
            ours.szOsFile += c_int::try_from(size_of::<Faulty>()).unwrap();
            ours.zName = c"faulty".as_ptr();
            ours.pNext = ptr::null_mut();
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            ours.xAccess = Some(access);
            assert_eq!(
                ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1),
                SQLITE_OK
            );
            Layers {
                below,
                methods: methods(),
            }
        }
    });
}

fn layers() -> &'static Layers {
    LAYERS.get().expect("the VFS is installed")
}

/// The file below one of ours.
///
/// # Safety
/// `file` is an open file of this VFS.
unsafe fn below(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: SQLite has allocated `szOsFile` bytes: ours, then those of the VFS below.
    unsafe { file.cast::<Faulty>().add(1).cast() }
}

/// The name of an open file.
///
/// # Safety
/// `file` is an open file of this VFS.
unsafe fn name<'a>(file: *mut sqlite3_file) -> Option<&'a Path> {
    // SAFETY: ours, by the caller; SQLite keeps the name while the file is open.
    unsafe { path((*file.cast::<Faulty>()).name) }
}

/// A name as a path; `None` for a temporary file's.
///
/// # Safety
/// `name` is null or a string that lives for `'a`.
unsafe fn path<'a>(name: *const c_char) -> Option<&'a Path> {
    if name.is_null() {
        return None;
    }
    // SAFETY: by the caller.
    let name = unsafe { CStr::from_ptr(name) };
    Some(Path::new(name.to_str().unwrap_or("?")))
}

// SAFETY of the functions below: SQLite calls them with its own arguments, as its
// documentation of `sqlite3_vfs` and `sqlite3_io_methods` says, and only for files that `open`
// has opened; they are passed on as they are, but for the file, to the same method of the VFS below.

unsafe extern "C" fn open(
    _vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: see above. `pMethods` stays null, which means not open, unless the file below is.
    unsafe {
        (*file).pMethods = ptr::null();
        if let Some(fault) = plan::next(Call::Open, path(name)) {
            return fault.code;
        }
        let vfs = layers().below;
        let code = (*vfs).xOpen.unwrap()(vfs, name, below(file), flags, out_flags);
        if code == SQLITE_OK {
            (*file.cast::<Faulty>()).name = name;
            (*file).pMethods = &raw const layers().methods;
        }
        code
    }
}

unsafe extern "C" fn delete(_vfs: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: see above.
    unsafe {
        if let Some(fault) = plan::next(Call::Delete, path(name)) {
            return fault.code;
        }
        let vfs = layers().below;
        // Nothing here outlives the process, so directories need no sync.
        let _ = sync;
        (*vfs).xDelete.unwrap()(vfs, name, 0)
    }
}

unsafe extern "C" fn access(
    _vfs: *mut sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: see above.
    unsafe {
        if let Some(fault) = plan::next(Call::Access, path(name)) {
            return fault.code;
        }
        let vfs = layers().below;
        (*vfs).xAccess.unwrap()(vfs, name, flags, out)
    }
}

/// A method that fails if the plan says so, and otherwise forwards the call.
macro_rules! failing {
    ($name:ident, $call:expr, $method:ident, $($argument:ident: $type:ty),*) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $type),*) -> c_int {
            // SAFETY: see above.
            unsafe {
                if let Some(fault) = plan::next($call, name(file)) {
                    return fault.code;
                }
                let file = below(file);
                (*(*file).pMethods).$method.unwrap()(file, $($argument),*)
            }
        }
    };
}

/// A method that forwards the call.
macro_rules! passing {
    ($name:ident, $method:ident, $result:ty, $($argument:ident: $type:ty),*) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $type),*) -> $result {
            // SAFETY: see above.
            unsafe {
                let file = below(file);
                (*(*file).pMethods).$method.unwrap()(file, $($argument),*)
            }
        }
    };
}

failing!(truncate, Call::Truncate, xTruncate, size: sqlite3_int64);
failing!(file_size, Call::FileSize, xFileSize, size: *mut sqlite3_int64);
failing!(lock, Call::Lock, xLock, level: c_int);
failing!(check_lock, Call::Lock, xCheckReservedLock, out: *mut c_int);
failing!(shm_map, Call::ShmMap, xShmMap, page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void);
passing!(close_below, xClose, c_int,);
passing!(unlock, xUnlock, c_int, level: c_int);
passing!(file_control, xFileControl, c_int, operation: c_int, argument: *mut c_void);
passing!(sector_size, xSectorSize, c_int,);
passing!(characteristics, xDeviceCharacteristics, c_int,);
passing!(shm_barrier, xShmBarrier, (),);
passing!(shm_unmap, xShmUnmap, c_int, delete: c_int);
passing!(fetch, xFetch, c_int, at: sqlite3_int64, length: c_int, out: *mut *mut c_void);
passing!(unfetch, xUnfetch, c_int, at: sqlite3_int64, page: *mut c_void);

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: see above.
    unsafe {
        let code = close_below(file);
        (*file).pMethods = ptr::null();
        code
    }
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    into: *mut c_void,
    length: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: see above; what SQLite wants filled has `length` bytes.
    unsafe {
        let fault = plan::next(Call::Read, name(file));
        let file = below(file);
        let read = (*(*file).pMethods).xRead.unwrap();
        match fault {
            None => read(file, into, length, at),
            Some(fault) if fault.damage == Damage::Partial => {
                // Like at the end of a file, where SQLite expects zeros.
                let half = length / 2;
                let code = read(file, into, half, at);
                if code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ {
                    return code;
                }
                let rest = into.cast::<u8>().add(usize::try_from(half).unwrap_or(0));
                ptr::write_bytes(rest, 0, usize::try_from(length - half).unwrap_or(0));
                SQLITE_IOERR_SHORT_READ
            }
            Some(fault) => fault.code,
        }
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    length: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: see above; half of the bytes to write are within the buffer.
    unsafe {
        let fault = plan::next(Call::Write, name(file));
        let file = below(file);
        let write = (*(*file).pMethods).xWrite.unwrap();
        match fault {
            None => write(file, from, length, at),
            Some(fault) => {
                if fault.damage == Damage::Partial {
                    write(file, from, length / 2, at);
                }
                fault.code
            }
        }
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: see above. Nothing here outlives the process, so files need no sync.
    match plan::next(Call::Sync, unsafe { name(file) }) {
        Some(fault) => fault.code,
        None => SQLITE_OK,
    }
}

unsafe extern "C" fn shm_lock(
    file: *mut sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: see above. Releasing a lock does not fail, and SQLite would ignore an error.
    unsafe {
        if flags & ffi::SQLITE_SHM_LOCK != 0
            && let Some(fault) = plan::next(Call::ShmLock, name(file))
        {
            return fault.code;
        }
        let file = below(file);
        (*(*file).pMethods).xShmLock.unwrap()(file, offset, count, flags)
    }
}

fn methods() -> sqlite3_io_methods {
    sqlite3_io_methods {
        iVersion: 3,
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(file_size),
        xLock: Some(lock),
        xUnlock: Some(unlock),
        xCheckReservedLock: Some(check_lock),
        xFileControl: Some(file_control),
        xSectorSize: Some(sector_size),
        xDeviceCharacteristics: Some(characteristics),
        xShmMap: Some(shm_map),
        xShmLock: Some(shm_lock),
        xShmBarrier: Some(shm_barrier),
        xShmUnmap: Some(shm_unmap),
        xFetch: Some(fetch),
        xUnfetch: Some(unfetch),
    }
}
