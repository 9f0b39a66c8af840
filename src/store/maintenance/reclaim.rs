//! Returns the disk space that pruning has freed within the file to the file system.
//!
//! SQLite keeps free pages in the file and reuses them. To shrink the file, it has to be rewritten
//! without other connections. Stores do not use `auto_vacuum`; a file that does can also be
//! truncated step by step.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::store::database::hints::WithFile;
use crate::store::database::locate::find_file;
use crate::store::database::read_view::ReadView;
use crate::store::database::schema::Part;
use crate::store::database::shared_writer::{SharedWriter, Space, TransactionStats, is_busy, size};
use crate::store::database::{Database, Location, OpenOptions, schema_check};
use crate::store::error::{Error, Result};
use crate::store::fs::sidecar::sidecar;
use crate::store::tasks::monitor::{Monitor, Stage};

/// How many pages one transaction frees.
const STEP_PAGES: u32 = 200;

/// How long to wait for other processes to close the store.
const PATIENCE: Duration = Duration::from_secs(1);

/// The interval between two checks for an abort.
const LOOK: Duration = Duration::from_millis(20);

/// How to shrink the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Rewrite the file. No other process may have the store open.
    Rewrite,
    /// Remove free pages in small transactions, while a kernel may be running. Only possible if the
    /// file was created with `auto_vacuum = INCREMENTAL`.
    Incremental,
}

/// The size of the file before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Reclaimed {
    /// The size before.
    pub before: Space,
    /// The size after.
    pub after: Space,
    /// Statistics of the transactions of [`Method::Incremental`].
    #[serde(rename = "locking")]
    pub transaction_stats: TransactionStats,
}

impl Reclaimed {
    /// The report of a dry run, which changes nothing.
    pub fn unchanged(space: Space) -> Reclaimed {
        Reclaimed {
            before: space,
            after: space,
            transaction_stats: TransactionStats::default(),
        }
    }
}

/// Returns the size of the file of the store in `directory`, without writing to it.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::Aborted`]; SQLite's errors.
pub fn space(directory: &Path, monitor: &Monitor) -> Result<Space> {
    let found = ReadView::open_one(directory, monitor).and_then(|db| Space::of(&db));
    // An interrupted SQLite call returns its own error; the reason is the abort.
    monitor.check()?;
    found.with_store(directory)
}

/// Shrinks the file of the store in `directory`.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::StoreInUse`]; [`Error::NoRoom`]; [`Error::BadArgument`] if the
/// method is not possible; [`Error::Aborted`]; SQLite's errors. An error leaves the contents
/// unchanged.
pub fn reclaim(directory: &Path, method: Method, monitor: &Monitor) -> Result<Reclaimed> {
    monitor.set_total(1);
    let reclaimed = match method {
        Method::Rewrite => rewrite(directory, monitor),
        Method::Incremental => incremental(directory, monitor),
    }
    .with_store(directory)?;
    monitor.finish_piece();
    monitor.begin(Stage::Done);
    Ok(reclaimed)
}

fn rewrite(directory: &Path, monitor: &Monitor) -> Result<Reclaimed> {
    let db = open_alone(directory, monitor)?;
    let before = Space::of(&db)?;
    check_room(directory, before.file_bytes - before.free_bytes)?;
    monitor.begin(Stage::Working);
    interruptibly(&db, monitor, || db.execute("VACUUM"))?;
    monitor.begin(Stage::Finishing);
    // The WAL already contains the new file, so from here on the work cannot be lost or aborted.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(Reclaimed {
        before,
        after: Space::of(&db)?,
        transaction_stats: TransactionStats::default(),
    })
}

/// Opens a store that no other process has open, and keeps others from opening it.
fn open_alone(directory: &Path, monitor: &Monitor) -> Result<Database> {
    let file = find_file(directory)?;
    let options = OpenOptions {
        must_exist: true,
        busy_timeout: Duration::ZERO,
        ..OpenOptions::default()
    };
    let db = Database::open(Location::File(file), &options)?;
    schema_check::distrust(db.connection()?)?;
    if db.is_readonly()? {
        // SQLite would fail only when it takes the lock.
        return Err(Error::Sqlite {
            code: "SQLITE_READONLY",
            message: "attempt to write a readonly database".into(),
            system: None,
        });
    }
    // Before the first read, so that SQLite keeps the WAL index in its own memory.
    db.execute("PRAGMA locking_mode=EXCLUSIVE")?;
    let until = Instant::now() + PATIENCE;
    let take = || {
        db.check_is_store(directory)?;
        db.check_writable(|db| db.check_columns_of(directory, &Part::ALL))?;
        db.set_unsafe_fast_mode(false)?;
        // Only a write takes the lock in every journal mode.
        db.begin()?;
        db.commit()
    };
    loop {
        monitor.check()?;
        match take() {
            Ok(()) => return Ok(db),
            Err(error) if !is_busy(&error) && !matches!(error, Error::JournalMode { .. }) => {
                return Err(error);
            }
            Err(_) if Instant::now() < until => thread::sleep(LOOK),
            Err(_) => {
                return Err(Error::StoreInUse(
                    "it can only be rewritten while no other process has it open. Stop the kernel \
                     and every other program that uses the store, and try again",
                ));
            }
        }
    }
}

/// Fails unless the file system has room for `needed` bytes.
fn check_room(directory: &Path, needed: u64) -> Result<()> {
    #[cfg(unix)]
    // File systems that do not know their size report no blocks.
    if let Ok(disk) = rustix::fs::statvfs(directory)
        && disk.f_blocks > 0
    {
        let available = disk.f_bavail.saturating_mul(disk.f_frsize);
        if available < needed {
            return Err(Error::NoRoom {
                directory: directory.to_owned(),
                needed,
                available,
            });
        }
    }
    #[cfg(not(unix))]
    let _ = (directory, needed);
    Ok(())
}

/// Runs one long SQLite call. Reports the growth of the WAL, and interrupts the call if the work is
/// aborted.
fn interruptibly(
    db: &Database,
    monitor: &Monitor,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let handle = db.connection()?.get_interrupt_handle();
    let log = db.file().map(|file| sidecar(file, "-wal"));
    let is_done = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        let watch = || {
            let mut counted = 0;
            while !is_done.load(Ordering::Relaxed) {
                let grown = log.as_deref().map_or(0, size);
                let more = usize::try_from(grown.saturating_sub(counted)).unwrap_or(0);
                counted = counted.max(grown);
                if monitor.count(more).is_err() {
                    // Repeated, because an interrupt only affects statements that are running.
                    handle.interrupt();
                }
                thread::park_timeout(LOOK);
            }
        };
        // Without the thread, the call runs without reports and interrupts.
        let watcher = thread::Builder::new()
            .name("swing-store".into())
            .spawn_scoped(scope, watch);
        let outcome = work();
        is_done.store(true, Ordering::Relaxed);
        if let Ok(watcher) = watcher {
            watcher.thread().unpark();
        }
        outcome
    });
    match outcome {
        Err(Error::Sqlite {
            code: "SQLITE_INTERRUPT",
            ..
        }) => Err(Error::Aborted),
        outcome => outcome,
    }
}

fn incremental(directory: &Path, monitor: &Monitor) -> Result<Reclaimed> {
    let mut writer = SharedWriter::open(directory, monitor)?;
    let mode: Option<i64> = writer.read(monitor, |db| db.peek_value("PRAGMA auto_vacuum", []))?;
    if mode == Some(0) {
        return Err(Error::BadArgument(
            "the file was created without auto_vacuum, like all files of swing-store, so free \
             pages cannot be removed one by one. SQLite reuses them for new data; to shrink the \
             file, use the method \"rewrite\" while no kernel is running"
                .into(),
        ));
    }
    let before = writer.space(monitor)?;
    monitor.begin(Stage::Working);
    loop {
        let free = writer.space(monitor)?.free_bytes;
        if free == 0 {
            break;
        }
        writer.write(monitor, |db| {
            db.execute(&format!("PRAGMA incremental_vacuum({STEP_PAGES})"))
        })?;
        let left = writer.space(monitor)?.free_bytes;
        if left >= free {
            break;
        }
        monitor.count(usize::try_from(free - left).unwrap_or(0))?;
    }
    monitor.begin(Stage::Finishing);
    let transaction_stats = writer.finish()?;
    Ok(Reclaimed {
        before,
        after: writer.space(monitor)?,
        transaction_stats,
    })
}
