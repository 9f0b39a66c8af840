//! Giving space back to the file system that pruning has freed inside of the file.
//!
//! SQLite keeps freed pages in the file and uses them again. To make the file smaller it has to be
//! written anew, which nobody may be in the way of. (Files of swing-store are made without
//! `auto_vacuum`; one that has it can be cut off step by step.)

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

/// How many pages are given back in one transaction.
const STEP_PAGES: u32 = 200;

/// How long to wait for others to close the store.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often to look whether the work is to end.
const LOOK: Duration = Duration::from_millis(20);

/// How to make the file smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Write all of it anew. Nobody else may have the store open.
    Rewrite,
    /// Cut off free pages, in small transactions beside a kernel. Only for a file that was made
    /// with `auto_vacuum = INCREMENTAL`.
    Incremental,
}

/// What the file took up before and takes up now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Reclaimed {
    /// Before.
    pub before: Space,
    /// Now.
    pub after: Space,
    /// How the transactions of [`Method::Incremental`] went.
    #[serde(rename = "locking")]
    pub transacted: TransactionStats,
}

impl Reclaimed {
    /// The report of a dry run, which changes nothing.
    pub fn unchanged(space: Space) -> Reclaimed {
        Reclaimed {
            before: space,
            after: space,
            transacted: TransactionStats::default(),
        }
    }
}

/// What the file of the store in a directory takes up. It is only read.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::Aborted`]; SQLite's errors.
pub fn space(directory: &Path, monitor: &Monitor) -> Result<Space> {
    let found = ReadView::open_one(directory, monitor).and_then(|db| Space::of(&db));
    // Whatever SQLite was doing when it was interrupted, this is the reason.
    monitor.check()?;
    found.with_store(directory)
}

/// Makes the file of the store in a directory smaller.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::StoreInUse`]; [`Error::NoRoom`]; [`Error::BadArgument`] where the
/// method is not possible; [`Error::Aborted`]; SQLite's errors. The store is as it was then.
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
    // What is in the log is there to stay: this may take its time, but changes nothing any more.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(Reclaimed {
        before,
        after: Space::of(&db)?,
        transacted: TransactionStats::default(),
    })
}

/// Opens a store that nobody else has open, and keeps others from opening it.
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
        // SQLite would fail at locking it.
        return Err(Error::Sqlite {
            code: "SQLITE_READONLY",
            message: "attempt to write a readonly database".into(),
            system: None,
        });
    }
    // Before anything is read, so that SQLite uses no memory that it shares with others.
    db.execute("PRAGMA locking_mode=EXCLUSIVE")?;
    let until = Instant::now() + PATIENCE;
    let take = || {
        db.check_is_store(directory)?;
        db.check_tables()?;
        db.check_columns_of(directory, &Part::ALL)?;
        db.check_declared()?;
        db.set_unsafe_fast_mode(false)?;
        // A write makes sure of the lock whatever mode the file was in.
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
                    "it can only be rewritten while nobody else has it open. Stop the kernel, and \
                     whoever else uses the store, and try again",
                ));
            }
        }
    }
}

/// Fails unless the disk has room for `needed` bytes.
fn check_room(directory: &Path, needed: u64) -> Result<()> {
    #[cfg(unix)]
    // File systems that can't say how large they are say that they have no blocks.
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

/// Does something that SQLite does in one go, and tells of the growth of its log; ends it when
/// the work is to end.
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
                    // Again and again: it only ends what is being done at the moment.
                    handle.interrupt();
                }
                thread::park_timeout(LOOK);
            }
        };
        // Without it the work is done all the same.
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
    let mut beside = SharedWriter::open(directory, monitor)?;
    let mode: Option<i64> = beside.read(monitor, |db| db.peek_value("PRAGMA auto_vacuum", []))?;
    if mode == Some(0) {
        return Err(Error::BadArgument(
            "the file was made without auto_vacuum, like all files of swing-store, so free pages \
             can't be cut off one by one. They are used again for what is written next; to make \
             the file smaller, use the method \"rewrite\" while no kernel is running"
                .into(),
        ));
    }
    let before = beside.space(monitor)?;
    monitor.begin(Stage::Working);
    loop {
        let free = beside.space(monitor)?.free_bytes;
        if free == 0 {
            break;
        }
        beside.write(monitor, |db| {
            db.execute(&format!("PRAGMA incremental_vacuum({STEP_PAGES})"))
        })?;
        let left = beside.space(monitor)?.free_bytes;
        if left >= free {
            break;
        }
        monitor.count(usize::try_from(free - left).unwrap_or(0))?;
    }
    monitor.begin(Stage::Finishing);
    let transacted = beside.finish()?;
    Ok(Reclaimed {
        before,
        after: beside.space(monitor)?,
        transacted,
    })
}
