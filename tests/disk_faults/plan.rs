//! The plan of a fault: which of SQLite's file system calls fails, and how.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Open,
    Read,
    Write,
    Sync,
    Truncate,
    FileSize,
    Lock,
    ShmMap,
    ShmLock,
    Delete,
    Access,
}

/// The effect of a failing call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// No effect.
    None,
    /// Half of the request is done.
    Partial,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub call: Call,
    pub code: i32,
    pub damage: Damage,
    pub name: &'static str,
}

const fn fault(call: Call, code: i32, damage: Damage, name: &'static str) -> Fault {
    Fault {
        call,
        code,
        damage,
        name,
    }
}

/// All kinds of faults except [`SHORT_READ`].
pub const FAULTS: [Fault; 18] = [
    fault(Call::Open, ffi::SQLITE_CANTOPEN, Damage::None, "can't open"),
    fault(Call::Read, ffi::SQLITE_IOERR_READ, Damage::None, "read"),
    fault(Call::Write, ffi::SQLITE_FULL, Damage::None, "full"),
    fault(Call::Write, ffi::SQLITE_FULL, Damage::Partial, "full, torn"),
    fault(Call::Write, ffi::SQLITE_IOERR_WRITE, Damage::None, "write"),
    fault(
        Call::Write,
        ffi::SQLITE_IOERR_WRITE,
        Damage::Partial,
        "write, torn",
    ),
    fault(Call::Sync, ffi::SQLITE_IOERR_FSYNC, Damage::None, "sync"),
    fault(
        Call::Truncate,
        ffi::SQLITE_IOERR_TRUNCATE,
        Damage::None,
        "truncate",
    ),
    fault(
        Call::FileSize,
        ffi::SQLITE_IOERR_FSTAT,
        Damage::None,
        "file size",
    ),
    fault(Call::Lock, ffi::SQLITE_BUSY, Damage::None, "lock busy"),
    fault(Call::Lock, ffi::SQLITE_IOERR_LOCK, Damage::None, "lock"),
    fault(
        Call::ShmMap,
        ffi::SQLITE_IOERR_SHMMAP,
        Damage::None,
        "shm map",
    ),
    fault(
        Call::ShmMap,
        ffi::SQLITE_IOERR_NOMEM,
        Damage::None,
        "shm map, memory",
    ),
    fault(Call::ShmLock, ffi::SQLITE_BUSY, Damage::None, "shm busy"),
    fault(
        Call::ShmLock,
        ffi::SQLITE_IOERR_SHMLOCK,
        Damage::None,
        "shm lock",
    ),
    fault(
        Call::Delete,
        ffi::SQLITE_IOERR_DELETE,
        Damage::None,
        "delete",
    ),
    fault(
        Call::Access,
        ffi::SQLITE_IOERR_ACCESS,
        Damage::None,
        "access",
    ),
    fault(Call::Read, ffi::SQLITE_IOERR_NOMEM, Damage::None, "memory"),
];

/// A file that seems to end early. SQLite reads the missing bytes as zeros, without an error. Only for
/// work that does not write.
pub const SHORT_READ: Fault = fault(
    Call::Read,
    ffi::SQLITE_IOERR_SHORT_READ,
    Damage::Partial,
    "short read",
);

/// A fault, and the time at which it happens.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    pub fault: Fault,
    /// The number of the failing call of its kind, from 1 on; 0 for none.
    pub at: u64,
    /// Whether all later calls of the kind fail as well.
    pub lasting: bool,
}

/// Counts of calls and faults.
#[derive(Debug, Clone, Default)]
pub struct Happened {
    /// The number of calls of the kind.
    pub calls: u64,
    /// The number of calls that failed.
    pub failed: u64,
    /// The file of the first failing call.
    pub file: String,
}

static STATE: Mutex<(Option<Planned>, Option<Happened>)> = Mutex::new((None, None));

fn state() -> MutexGuard<'static, (Option<Planned>, Option<Happened>)> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Arms a fault.
pub fn arm(planned: Planned) {
    *state() = (Some(planned), Some(Happened::default()));
}

/// Disarms the fault, and keeps the counts.
pub fn disarm() {
    state().0 = None;
}

/// The counts since [`arm`].
pub fn happened() -> Happened {
    state().1.clone().unwrap_or_default()
}

/// Counts a call, and returns how it has to fail, if at all.
pub fn next(call: Call, file: Option<&Path>) -> Option<Fault> {
    let mut state = state();
    let (Some(planned), Some(happened)) = &mut *state else {
        return None;
    };
    if planned.fault.call != call {
        return None;
    }
    happened.calls += 1;
    let fails = happened.calls == planned.at
        || (planned.lasting && planned.at > 0 && happened.calls > planned.at);
    if !fails {
        return None;
    }
    happened.failed += 1;
    if happened.failed == 1 {
        let name = file.and_then(Path::file_name);
        happened.file = name.map_or("(temporary)".into(), |name| name.to_string_lossy().into());
    }
    Some(planned.fault)
}
