//! A read transaction on its own connection, for span readers.
//!
//! Other connections (`prune`, a tool, another kernel's budgeted deletion) may delete items while a
//! reader is open. A reader that is created outside of a transaction reads in such a view, and one
//! that is still open when a transaction ends continues in one. So a reader holds at most a batch
//! of items in memory, whatever happens to the store.
//!
//! A view keeps SQLite's log from restarting at its beginning. It ends with its last reader. If the
//! log grows too much meanwhile, because a reader was abandoned, the database saves the readers'
//! unread items and ends the view (see [`Database::bound_log`]).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use rusqlite::TransactionState;

use super::wal_version::{WalVersion, is_in_wal_mode};
use super::{Database, Location, OpenOptions};
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::page_cache_kib;
use crate::store::tasks::lock;

/// Number of attempts to begin a view at a known commit.
const ATTEMPTS: usize = 50;

/// A state of the store that does not change.
pub(crate) struct SpanView {
    /// `None` only during drop.
    db: Mutex<Option<Database>>,
    /// The commit that it sees.
    version: WalVersion,
    /// Length of the log when the view began, in bytes.
    log_bytes: u64,
    idle: Arc<IdleSpanView>,
}

/// An idle connection of an ended view, kept for the next one. Opening a connection takes 0.2 ms;
/// beginning a transaction on an open one takes 0.01 ms.
#[derive(Default)]
pub(crate) struct IdleSpanView(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    connection: Option<Database>,
    is_closed: bool,
}

impl IdleSpanView {
    fn lock(&self) -> MutexGuard<'_, Idle> {
        lock::lock(&self.0)
    }

    /// Closes the idle connection.
    pub(crate) fn clear(&self) {
        let connection = self.lock().connection.take();
        drop(connection);
    }

    /// Closes the idle connection, and keeps none from now on.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.clear();
    }
}

impl SpanView {
    /// Locks the view's database for one operation.
    pub(crate) fn with<T>(&self, ask: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let db = lock::lock(&self.db);
        ask(db.as_ref().ok_or(Error::DatabaseClosed)?)
    }

    /// Growth of the log since the view began, in bytes.
    pub(crate) fn log_growth(&self, log_bytes: u64) -> u64 {
        log_bytes.saturating_sub(self.log_bytes)
    }
}

impl Drop for SpanView {
    fn drop(&mut self) {
        let db = lock::waited(self.db.get_mut());
        let Some(db) = db.take() else {
            return;
        };
        let ended = db.unpin_read();
        let mut idle = self.idle.lock();
        if ended.is_ok() && !idle.is_closed && idle.connection.is_none() {
            idle.connection = Some(db);
        }
    }
}

impl Database {
    /// A view of the last commit. `None` if none is possible or needed: in memory, without a WAL,
    /// for a staged database, or in a transaction that may see an older commit.
    pub(crate) fn span_view(&self) -> Option<Arc<SpanView>> {
        if !self.is_shared_file() {
            return None;
        }
        let connection = self.connection().ok()?;
        let state = connection.transaction_state(Some("main")).ok()?;
        if state == TransactionState::Read && self.in_transaction() {
            return None;
        }
        if !is_in_wal_mode(connection) {
            return None;
        }
        // SQLite's absolute path, which is valid even if the process has changed its working
        // directory.
        let path = PathBuf::from(connection.path()?);
        // After a read, the WAL index exists.
        self.peek_value::<i64>("SELECT 1 FROM sqlite_schema LIMIT 1", [])
            .ok()?;
        let last = self.views.borrow().iter().rev().find_map(Weak::upgrade);
        if let Some(view) = last
            && WalVersion::read(self.connection().ok()?) == Some(view.version)
        {
            return Some(view);
        }
        let view = Arc::new(self.new_view(&path)?);
        let mut views = self.views.borrow_mut();
        views.retain(|view| view.strong_count() > 0);
        views.push(Arc::downgrade(&view));
        drop(views);
        Some(view)
    }

    fn new_view(&self, path: &Path) -> Option<SpanView> {
        let idle = self.idle_span_view.lock().connection.take();
        let db = match idle {
            Some(db) => db,
            None => {
                let options = OpenOptions {
                    readonly: true,
                    must_exist: true,
                    ..OpenOptions::default()
                };
                let db = Database::open(Location::File(path.to_owned()), &options).ok()?;
                db.execute(&format!("PRAGMA cache_size=-{}", page_cache_kib::SPAN_VIEW))
                    .ok()?;
                db
            }
        };
        let clock = |db: &Database| WalVersion::read(db.connection().ok()?);
        for _ in 0..ATTEMPTS {
            let before = clock(self)?;
            db.execute("BEGIN").ok()?;
            db.peek_value::<i64>("SELECT 1 FROM sqlite_schema LIMIT 1", [])
                .ok()?;
            if !is_in_wal_mode(db.connection().ok()?) {
                return None;
            }
            // Both connections see the same log, so they have the same file open, and nobody has
            // committed meanwhile.
            if clock(&db) == Some(before) && clock(self) == Some(before) {
                db.pin_read();
                return Some(SpanView {
                    db: Mutex::new(Some(db)),
                    version: before,
                    log_bytes: log_bytes(path),
                    idle: self.idle_span_view.clone(),
                });
            }
            db.execute("ROLLBACK").ok()?;
        }
        None
    }

    /// Length of the log, in bytes.
    pub(crate) fn log_bytes(&self) -> u64 {
        let path = self
            .connection()
            .ok()
            .and_then(|connection| connection.path());
        path.map_or(0, |path| log_bytes(Path::new(path)))
    }
}

fn log_bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |log| log.len())
}
