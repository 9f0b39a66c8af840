//! Writes to a store that a kernel is running on, in this process or another.
//!
//! SQLite allows one writer at a time. A kernel waits five seconds for the lock and then fails. So
//! a shared writer holds the lock for a few milliseconds, pauses for longer than that, and itself
//! waits for the lock without a limit. Slow work happens without the lock: data is prepared before
//! a transaction, and synced after it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::hints::WithFile;
use super::locate::find_file;
use super::schema::Part;
use super::{Database, Location, OpenOptions, schema_check};
use crate::store::encoding::fields;
use crate::store::error::{Error, Result};
use crate::store::fs::read_ahead::ReadAhead;
use crate::store::fs::sidecar::sidecar;
use crate::store::log;
use crate::store::tasks::limits::page_cache_kib;
use crate::store::tasks::monitor::Monitor;

/// Interval between attempts to get the lock. The time between two blocks may be short.
const POLL: Duration = Duration::from_millis(1);

/// Minimum pause between two transactions. A waiting kernel retries after 1 ms, then 2, 5, 10 and
/// so on up to 100 ms.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// How long another connection that wrote, or held the lock, counts as active.
const ACTIVE_TIME: Duration = Duration::from_secs(10);

/// Pause after a transaction while others are active, as a multiple of its duration.
const PAUSE_FACTOR: u32 = 3;

/// How long to wait for the lock to set up the file.
const SETUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Length of the log in pages at which it is checkpointed, as in SQLite.
const LOG_PAGES: i64 = 1000;

/// Maximum length of the log in pages (256 MiB) while a reader of an older commit prevents a
/// checkpoint.
const MAX_LOG_PAGES: i64 = 1 << 16;

/// Interval between checkpoint attempts while a reader prevents them.
const READER_POLL: Duration = Duration::from_millis(50);

/// Maximum number of transactions between two checkpoints.
const MAX_CHECKPOINT_INTERVAL: u32 = 64;

/// A log longer than this, in bytes, is truncated at the end.
const LARGE_LOG_BYTES: u64 = 16 << 20;

/// Statistics of a writer's transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct TransactionStats {
    /// Number of transactions.
    pub transactions: u64,
    /// Duration of the longest transaction.
    #[serde(serialize_with = "fields::milliseconds")]
    #[cfg_attr(feature = "cli", schemars(with = "f64"))]
    pub longest: Duration,
    /// Time spent waiting for locks of other connections.
    #[serde(serialize_with = "fields::milliseconds")]
    #[cfg_attr(feature = "cli", schemars(with = "f64"))]
    pub waited: Duration,
}

/// Disk space of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Space {
    /// Size of the file, in bytes.
    pub file_bytes: u64,
    /// Size of the file's free pages, which SQLite reuses, in bytes.
    pub free_bytes: u64,
    /// Size of the log, in bytes.
    pub log_bytes: u64,
}

/// A connection that yields to other writers.
pub(crate) struct SharedWriter {
    db: Database,
    log: PathBuf,
    stats: TransactionStats,
    /// When another connection last wrote or held the lock.
    last_activity: Option<Instant>,
    /// SQLite's data version at the last check.
    data_version: Option<i64>,
    /// Number of transactions between two checkpoints, and since the last one.
    checkpoint_interval: u32,
    since_checkpoint: u32,
    /// Log pages per transaction.
    pages_per_transaction: i64,
    max_log_pages: i64,
    /// Whether the log was already too large when the store was opened.
    log_was_large: bool,
    /// The number of readers of an older commit that wait for this writer.
    waiting_readers: Arc<AtomicUsize>,
}

impl SharedWriter {
    /// Opens the store in a directory.
    ///
    /// # Errors
    /// [`Error::NoStore`]; [`Error::StoreInUse`] while a process uses it in the unsafe fast mode;
    /// [`Error::Aborted`]; SQLite's errors.
    pub(crate) fn open(directory: &Path, monitor: &Monitor) -> Result<SharedWriter> {
        let file = find_file(directory)?;
        let options = OpenOptions {
            must_exist: true,
            // `retry` waits instead, so that an abort can end it.
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
            waiting_readers: Arc::default(),
        };
        schema_check::distrust(writer.db.connection()?)?;
        writer.read(monitor, |db| {
            db.check_is_store(directory)?;
            db.check_writable(|db| db.check_columns_of(directory, &Part::ALL))
        })?;
        writer.prepare(monitor).with_store(directory)?;
        Ok(writer)
    }

    /// Makes sure that the file is in WAL mode and has all tables, as opening a store does.
    fn prepare(&mut self, monitor: &Monitor) -> Result<()> {
        let as_store_in_use = |outcome: Result<()>| {
            outcome.map_err(|error| {
                if is_busy(&error) {
                    Error::StoreInUse("a process uses it without a log, in the unsafe fast mode")
                } else {
                    error
                }
            })
        };
        let until = Instant::now() + SETUP_TIMEOUT;
        as_store_in_use(self.retry(monitor, Some(until), |db| db.set_unsafe_fast_mode(false)))?;
        // The log is synced after the lock is released.
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

    /// Counts the readers of an older commit that wait for this writer while they read. The writer
    /// does not wait for any reader then, and lets the log grow.
    pub(crate) fn waiting_readers(&self) -> Arc<AtomicUsize> {
        self.waiting_readers.clone()
    }

    /// Sets the number of pages in the log above which the writer waits for readers.
    #[cfg(test)]
    pub(crate) fn set_max_log_pages(&mut self, pages: i64) {
        self.max_log_pages = pages;
    }

    /// Reads the last commit. If the lock of another connection is in the way, `read` is called
    /// again. Its queries may see different commits.
    ///
    /// # Errors
    /// [`Error::Aborted`]; those of `read`.
    pub(crate) fn read<T>(
        &mut self,
        monitor: &Monitor,
        read: impl FnMut(&Database) -> Result<T>,
    ) -> Result<T> {
        let outcome = self.retry(monitor, None, read);
        outcome.with_file(self.db.file())
    }

    /// Runs `change` in a transaction and syncs it. Returns when the next transaction may begin.
    ///
    /// # Errors
    /// [`Error::Aborted`], before anything is changed; those of `change`, which roll the
    /// transaction back; SQLite's errors.
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
        log::debug!(
            "transaction",
            "held the lock",
            time = log::time(held),
            committed = outcome.is_ok()
        );
        let outcome = outcome?;
        self.sync()?;
        self.checkpoint_if_due(monitor)?;
        let times = if self.others_are_active() {
            PAUSE_FACTOR
        } else {
            1
        };
        let pause = MIN_PAUSE.max(held * times);
        sleep(monitor, pause.saturating_sub(freed.elapsed()));
        Ok(outcome)
    }

    /// Repeats `attempt` while another connection's lock is in the way, at most until `until`.
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
                        let waited = began.elapsed();
                        self.stats.waited += waited;
                        log::debug!(
                            "transaction",
                            "waited for another writer",
                            time = log::time(waited)
                        );
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

    /// Whether another connection has recently written or held the lock.
    fn others_are_active(&mut self) -> bool {
        let version = self.db.peek_value("PRAGMA data_version", []).ok().flatten();
        if self.data_version.is_some() && version != self.data_version {
            self.last_activity = Some(Instant::now());
        }
        self.data_version = version;
        self.last_activity
            .is_some_and(|at| at.elapsed() < ACTIVE_TIME)
    }

    /// Syncs the log. Closing this file releases no SQLite lock: those of a WAL database are on
    /// other files.
    fn sync(&self) -> Result<()> {
        // Windows requires write access for a sync.
        let log = File::options().write(true).open(&self.log);
        match log.and_then(|log| log.sync_data()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(format!("syncing {}", self.log.display()), &error))
            }
            _ => Ok(()),
        }
    }

    /// Checkpoints the log regularly, so that the kernel need not. If a reader prevents that, waits
    /// before the log gets too long.
    fn checkpoint_if_due(&mut self, monitor: &Monitor) -> Result<()> {
        self.since_checkpoint += 1;
        if self.since_checkpoint < self.checkpoint_interval {
            return Ok(());
        }
        let (mut log, mut copied) = self.checkpoint()?;
        // Another connection may have restarted the log meanwhile, so a single measurement may be
        // too low.
        self.pages_per_transaction =
            (log / i64::from(self.since_checkpoint)).max(self.pages_per_transaction * 9 / 10);
        let interval = LOG_PAGES.min(self.max_log_pages) / self.pages_per_transaction.max(1);
        self.checkpoint_interval = u32::try_from(interval)
            .unwrap_or(1)
            .clamp(1, MAX_CHECKPOINT_INTERVAL);
        self.since_checkpoint = 0;
        let began = Instant::now();
        // Waiting for a reader that waits for this writer would never end.
        let is_awaited = || self.waiting_readers.load(Ordering::Relaxed) > 0;
        while log > self.max_log_pages && copied < log && !is_awaited() {
            sleep(monitor, READER_POLL);
            monitor.check()?;
            (log, copied) = self.checkpoint()?;
            self.stats.waited += READER_POLL.min(began.elapsed());
        }
        Ok(())
    }

    /// Checkpoints as many pages as possible without blocking other connections. Returns the number
    /// of pages in the log, and how many of them are in the file.
    fn checkpoint(&self) -> Result<(i64, i64)> {
        let pages = self
            .db
            .peek_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                Ok((row.get(1)?, row.get(2)?))
            });
        match pages {
            Ok(pages) => Ok(pages.unwrap_or((0, 0))),
            // Another connection is checkpointing.
            Err(error) if is_busy(&error) => Ok((0, 0)),
            Err(error) => Err(error),
        }
    }

    /// Ends the work: checkpoints the log, unless a reader of an older commit prevents it, and
    /// truncates it if it has grown too large and is not in use.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn finish(&mut self) -> Result<TransactionStats> {
        if self.stats.transactions > 0 {
            self.checkpoint().with_file(self.db.file())?;
        }
        if !self.log_was_large && size(&self.log) > LARGE_LOG_BYTES {
            // The log stays if truncating it is not possible now.
            drop(self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
        }
        Ok(self.stats)
    }

    /// Reads the file ahead of work on most of it, so that transactions do not wait for the disk.
    pub(crate) fn read_ahead(&self) -> Option<ReadAhead> {
        self.db.file().map(ReadAhead::start)
    }

    /// Measures the disk space of the database.
    ///
    /// # Errors
    /// Those of [`SharedWriter::read`].
    pub(crate) fn space(&mut self, monitor: &Monitor) -> Result<Space> {
        self.read(monitor, Space::of)
    }
}

impl Space {
    /// Measures the disk space of a database.
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

/// Whether an error is caused by the lock of another connection.
pub(crate) fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Sqlite { code, .. }
        if code.starts_with("SQLITE_BUSY") || code.starts_with("SQLITE_LOCKED"))
}

/// Sleeps, or returns early if the work is aborted.
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

/// The size of a file in bytes; 0 if it does not exist.
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
    fn a_log_that_is_being_read_has_bounded_length() {
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

        // An abort ends the wait for a reader.
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
    fn a_failed_change_is_rolled_back_and_a_lock_is_awaited() {
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
