//! Working on a store beside the kernel that is running on it, in this process or another.
//!
//! One connection writes at a time. A kernel waits five seconds for another one and then fails, so
//! whoever works beside it holds the lock for a few milliseconds, lets go of it for longer than
//! that, and itself waits for as long as it takes. What costs time is done without the lock: what
//! is to be written is prepared before, and the disk is waited for afterwards.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::hints::WithFile;
use super::locate::find_file;
use super::schema::Part;
use super::{Database, Location, OpenOptions, schema_check};
use crate::store::encoding::fields;
use crate::store::error::{Error, Result};
use crate::store::fs::sidecar::sidecar;
use crate::store::tasks::limits::page_cache_kib;
use crate::store::tasks::monitor::Monitor;

/// How often to look whether the lock is free. The gap between two blocks may be short.
const POLL: Duration = Duration::from_millis(1);

/// The shortest time between two transactions of ours. A waiting kernel looks again after 1 ms,
/// then 2, 5, 10 and so on up to 100 ms.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// For how long somebody who wrote, or was in our way, counts as being about.
const ACTIVE_TIME: Duration = Duration::from_secs(10);

/// How many times as long as a transaction took the pause behind it is, when somebody is about.
const PAUSE_FACTOR: u32 = 3;

/// How long to wait for what nobody holds for long.
const SETUP_TIMEOUT: Duration = Duration::from_secs(2);

/// How large the log may be before it is copied into the file, in pages, as SQLite has it.
const LOG_PAGES: i64 = 1000;

/// A log that can't be copied, because somebody reads an older state, is not made longer than this,
/// in pages: 256 MB.
const MAX_LOG_PAGES: i64 = 1 << 16;

/// How often to look whether that is over.
const READER_POLL: Duration = Duration::from_millis(50);

/// The most transactions between two looks at the log.
const MAX_CHECKPOINT_INTERVAL: u32 = 64;

/// A log that has grown beyond this is cut off in the end, in bytes.
const LARGE_LOG_BYTES: u64 = 16 << 20;

/// How the transactions went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TransactionStats {
    /// How many there were.
    pub transactions: u64,
    /// How long the longest one held the lock.
    #[serde(serialize_with = "fields::milliseconds")]
    pub longest: Duration,
    /// How long was spent waiting for others' locks.
    #[serde(serialize_with = "fields::milliseconds")]
    pub waited: Duration,
}

/// What a database file takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Space {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of pages inside of it that hold nothing and will be used again.
    pub free_bytes: u64,
    /// Bytes of the log beside it.
    pub log_bytes: u64,
}

/// A connection that gives way to others.
pub(crate) struct SharedWriter {
    db: Database,
    log: PathBuf,
    stats: TransactionStats,
    /// When somebody else was last seen.
    last_activity: Option<Instant>,
    /// SQLite's number for the state that our last look saw.
    data_version: Option<i64>,
    /// How many transactions there are between two looks at the log, and since the last.
    checkpoint_interval: u32,
    since_checkpoint: u32,
    /// How many pages of the log a transaction takes.
    pages_per_transaction: i64,
    max_log_pages: i64,
    /// Whether the log was larger than it should be when we came.
    log_was_large: bool,
}

impl SharedWriter {
    /// Opens the store in a directory.
    ///
    /// # Errors
    /// [`Error::NoStore`]; [`Error::StoreInUse`] while somebody runs it in the unsafe fast mode;
    /// [`Error::Aborted`]; SQLite's errors.
    pub(crate) fn open(directory: &Path, monitor: &Monitor) -> Result<SharedWriter> {
        let file = find_file(directory)?;
        let options = OpenOptions {
            must_exist: true,
            // Waiting is done here, where it can be ended.
            busy_timeout: Duration::ZERO,
            ..OpenOptions::default()
        };
        let db = Database::open(Location::File(file.clone()), &options).with_store(directory)?;
        let log = sidecar(&file, "-wal");
        let mut writer = SharedWriter {
            db,
            log_was_large: size(&log) > LARGE_LOG_BYTES,
            log,
            stats: TransactionStats::default(),
            last_activity: None,
            data_version: None,
            checkpoint_interval: 1,
            since_checkpoint: 0,
            pages_per_transaction: 0,
            max_log_pages: MAX_LOG_PAGES,
        };
        schema_check::distrust(writer.db.connection()?)?;
        writer.read(monitor, |db| {
            db.check_is_store(directory)?;
            db.check_tables()?;
            db.check_columns_of(directory, &Part::ALL)?;
            db.check_declared()
        })?;
        writer.prepare(monitor).with_store(directory)?;
        Ok(writer)
    }

    /// Sees to it that the file has a log and all tables, as whoever opens a store does.
    fn prepare(&mut self, monitor: &Monitor) -> Result<()> {
        let as_store_in_use = |outcome: Result<()>| {
            outcome.map_err(|error| match is_busy(&error) {
                true => Error::StoreInUse("it is in use without a log, in the unsafe fast mode"),
                false => error,
            })
        };
        let until = Instant::now() + SETUP_TIMEOUT;
        as_store_in_use(self.retry(monitor, Some(until), |db| db.set_unsafe_fast_mode(false)))?;
        // The disk is waited for when the lock has been let go of.
        self.db.execute(&format!(
            "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0;
             PRAGMA cache_size=-{}",
            page_cache_kib::SHARED_WRITER
        ))?;
        let has_all = self.read(monitor, |db| {
            ["transcriptItems", "transcriptSpans", "snapshots", "bundles"]
                .iter()
                .try_fold(true, |all, table| Ok(all && db.has_table(table)?))
        })?;
        if !has_all {
            self.write(monitor, |db| {
                Part::ALL.iter().try_for_each(|part| db.create(*part))
            })?;
        }
        Ok(())
    }

    /// Reads the last commit. What is read in one call may belong to several commits.
    ///
    /// # Errors
    /// [`Error::Aborted`]; whatever `read` returns, except that it is called again while
    /// somebody's lock is in its way.
    pub(crate) fn read<T>(
        &mut self,
        monitor: &Monitor,
        read: impl FnMut(&Database) -> Result<T>,
    ) -> Result<T> {
        let outcome = self.retry(monitor, None, read);
        outcome.with_file(self.db.file())
    }

    /// Makes a change in a transaction of its own, and waits until it is on the disk. Returns when
    /// it is time for the next one.
    ///
    /// # Errors
    /// [`Error::Aborted`], before anything is changed; whatever `change` returns, and then nothing
    /// is changed; SQLite's errors.
    pub(crate) fn write<T>(
        &mut self,
        monitor: &Monitor,
        change: impl FnOnce(&mut Database) -> Result<T>,
    ) -> Result<T> {
        let outcome = self.transact(monitor, change);
        outcome.with_file(self.db.file())
    }

    fn transact<T>(
        &mut self,
        monitor: &Monitor,
        change: impl FnOnce(&mut Database) -> Result<T>,
    ) -> Result<T> {
        self.retry(monitor, None, |db| db.begin())?;
        let began = Instant::now();
        let outcome = change(&mut self.db).and_then(|outcome| {
            self.db.commit()?;
            Ok(outcome)
        });
        if outcome.is_err() && self.db.in_transaction() {
            drop(self.db.execute("ROLLBACK"));
        }
        let held = began.elapsed();
        let freed = Instant::now();
        self.stats.transactions += 1;
        self.stats.longest = self.stats.longest.max(held);
        let outcome = outcome?;
        self.sync()?;
        self.checkpoint_if_due(monitor)?;
        let times = match self.others_are_active() {
            true => PAUSE_FACTOR,
            false => 1,
        };
        let pause = MIN_PAUSE.max(held * times);
        sleep(monitor, pause.saturating_sub(freed.elapsed()));
        Ok(outcome)
    }

    /// Does something again and again until nobody is in its way.
    fn retry<T>(
        &mut self,
        monitor: &Monitor,
        until: Option<Instant>,
        mut attempt: impl FnMut(&Database) -> Result<T>,
    ) -> Result<T> {
        let began = Instant::now();
        loop {
            monitor.check()?;
            let outcome = attempt(&self.db);
            match &outcome {
                Err(error) if is_busy(error) => self.last_activity = Some(Instant::now()),
                _ => {
                    if self.last_activity.is_some_and(|at| at > began) {
                        self.stats.waited += began.elapsed();
                    }
                    return outcome;
                }
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return outcome;
            }
            thread::sleep(POLL);
        }
    }

    /// Whether somebody else has written lately, or was in our way.
    fn others_are_active(&mut self) -> bool {
        let version = self.db.peek_value("PRAGMA data_version", []).ok().flatten();
        if self.data_version.is_some() && version != self.data_version {
            self.last_activity = Some(Instant::now());
        }
        self.data_version = version;
        self.last_activity
            .is_some_and(|at| at.elapsed() < ACTIVE_TIME)
    }

    /// Waits until the log is on the disk. Closing the file lets go of no lock: SQLite has those
    /// of a log on other files.
    fn sync(&self) -> Result<()> {
        // Windows syncs only what may be written.
        let log = File::options().write(true).open(&self.log);
        match log.and_then(|log| log.sync_data()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(format!("syncing {}", self.log.display()), &error))
            }
            _ => Ok(()),
        }
    }

    /// Copies the log into the file now and then, so that the kernel need not. Where that is not
    /// possible, waits before the log gets too long.
    fn checkpoint_if_due(&mut self, monitor: &Monitor) -> Result<()> {
        self.since_checkpoint += 1;
        if self.since_checkpoint < self.checkpoint_interval {
            return Ok(());
        }
        let (mut log, mut copied) = self.checkpoint()?;
        // Somebody else may have begun the log anew meanwhile, so one look may see too little.
        self.pages_per_transaction =
            (log / i64::from(self.since_checkpoint)).max(self.pages_per_transaction * 9 / 10);
        let interval = LOG_PAGES.min(self.max_log_pages) / self.pages_per_transaction.max(1);
        self.checkpoint_interval = u32::try_from(interval)
            .unwrap_or(1)
            .clamp(1, MAX_CHECKPOINT_INTERVAL);
        self.since_checkpoint = 0;
        let began = Instant::now();
        while log > self.max_log_pages && copied < log {
            sleep(monitor, READER_POLL);
            monitor.check()?;
            (log, copied) = self.checkpoint()?;
            self.stats.waited += READER_POLL.min(began.elapsed());
        }
        Ok(())
    }

    /// Copies as much of the log into the file as can be without being in anybody's way. Returns
    /// how many pages the log has, and how many of these are in the file.
    fn checkpoint(&self) -> Result<(i64, i64)> {
        let pages = self
            .db
            .peek_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                Ok((row.get(1)?, row.get(2)?))
            });
        match pages {
            Ok(pages) => Ok(pages.unwrap_or((0, 0))),
            // Somebody else is at it.
            Err(error) if is_busy(&error) => Ok((0, 0)),
            Err(error) => Err(error),
        }
    }

    /// Ends the work: what was written is in the file, if nobody is reading an older state, and a
    /// log that has grown too large is cut off, if nobody needs it.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn finish(&mut self) -> Result<TransactionStats> {
        if self.stats.transactions > 0 {
            self.checkpoint().with_file(self.db.file())?;
        }
        if !self.log_was_large && size(&self.log) > LARGE_LOG_BYTES {
            // Left as it is where that is not possible now.
            drop(self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
        }
        Ok(self.stats)
    }

    /// What the file takes up.
    ///
    /// # Errors
    /// As [`SharedWriter::read`].
    pub(crate) fn space(&mut self, monitor: &Monitor) -> Result<Space> {
        self.read(monitor, Space::of)
    }
}

impl Space {
    /// What a database's file takes up.
    pub(crate) fn of(db: &Database) -> Result<Space> {
        let number = |name: &str| -> Result<u64> {
            let value: Option<i64> = db.peek_value(&format!("PRAGMA {name}"), [])?;
            Ok(value.unwrap_or(0).try_into().unwrap_or(0))
        };
        let page = number("page_size")?;
        Ok(Space {
            file_bytes: number("page_count")? * page,
            free_bytes: number("freelist_count")? * page,
            log_bytes: db.file().map_or(0, |file| size(&sidecar(file, "-wal"))),
        })
    }
}

/// Whether somebody else's lock was in the way.
pub(crate) fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Sqlite { code, .. }
        if code.starts_with("SQLITE_BUSY") || code.starts_with("SQLITE_LOCKED"))
}

/// Sleeps, but not on when the work is to end.
fn sleep(monitor: &Monitor, time: Duration) {
    const STEP: Duration = Duration::from_millis(20);
    let end = Instant::now() + time;
    while monitor.check().is_ok() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(STEP));
    }
}

/// A file's size in bytes; 0 where there is none.
pub(crate) fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |found| found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::locate::file_in_directory;
    use crate::store::records::mode::ArtifactMode;
    use crate::store::substores::{Store, StoreOptions};
    use crate::store::transfer::exporter::Exporter;

    fn make_store(directory: &Path) -> Store {
        let location = Location::File(file_in_directory(directory));
        let options = StoreOptions::default();
        let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
        store.kernel_set(b"key", b"value").unwrap();
        store.commit().unwrap();
        store
    }

    fn write_much(writer: &mut SharedWriter, monitor: &Monitor) -> Result<()> {
        writer.write(monitor, |db| {
            let sql = "INSERT OR REPLACE INTO kvStore VALUES ('large', zeroblob(1000000))";
            db.execute(sql)
        })
    }

    #[test]
    fn a_log_that_somebody_reads_is_not_made_longer_and_longer() {
        let directory = tempfile::tempdir().unwrap();
        drop(make_store(directory.path()));
        let monitor = Monitor::default();
        let mut writer = SharedWriter::open(directory.path(), &monitor).unwrap();
        writer.max_log_pages = 100;
        write_much(&mut writer, &monitor).unwrap();
        assert!(writer.stats.waited < READER_POLL);
        let exporter = Exporter::open(directory.path(), ArtifactMode::Operational).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(300));
                exporter.close().unwrap();
            });
            write_much(&mut writer, &monitor).unwrap();
        });
        assert!(writer.stats.waited >= READER_POLL * 3);
        write_much(&mut writer, &monitor).unwrap();

        // Waiting for a reader that stays can be ended.
        let exporter = Exporter::open(directory.path(), ArtifactMode::Operational).unwrap();
        let outcome = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(100));
                monitor.abort();
            });
            write_much(&mut writer, &monitor)
        });
        assert!(matches!(outcome, Err(Error::Aborted)));
        exporter.close().unwrap();
    }

    #[test]
    fn a_change_that_fails_is_undone_and_a_lock_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = make_store(directory.path());
        let monitor = Monitor::default();
        let mut writer = SharedWriter::open(directory.path(), &monitor).unwrap();
        let failed: Result<()> = writer.write(&monitor, |db| {
            db.execute("DELETE FROM kvStore")?;
            Err(Error::BadBudget)
        });
        assert!(matches!(failed, Err(Error::BadBudget)));
        assert_eq!(store.kv_get(b"key").unwrap().unwrap(), b"value");
        store.kernel_set(b"key", b"new").unwrap();
        store.begin().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(200));
                store.commit().unwrap();
            });
            writer
                .write(&monitor, |db| db.execute("DELETE FROM kvStore"))
                .unwrap();
        });
        assert!(writer.stats.waited >= Duration::from_millis(150));
        assert_eq!(store.kv_get(b"key").unwrap(), None);
        assert_eq!(writer.finish().unwrap().transactions, 2);
    }
}
