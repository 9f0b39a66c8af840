//! A read transaction on its own connection, for span readers.
//!
//! Other connections (`prune`, a tool, another kernel's budgeted deletion) may delete items while a
//! reader is open. A reader that is created outside of a transaction reads in such a view, and one
//! that is still open when a transaction ends continues in one. So a reader holds at most a batch
//! of items in memory, whatever happens to the store.
//!
//! A view keeps SQLite's log from restarting at its beginning. It ends with its last reader. If the
//! log grows too much meanwhile, because a reader was abandoned, the database saves the readers'
//! unread items and ends the view (`Database::bound_log`).

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use rusqlite::{Connection, TransactionState};

use super::connection::{self, Location, OpenConnection, OpenOptions};
use super::item_source::{self, ItemSource, TakeItem};
use super::pinned_read::{self, PinnedRead};
use super::wal_version::{WalVersion, is_in_wal_mode};
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::page_cache_kib;
use crate::store::tasks::lock;

/// Number of attempts to begin a view at a known commit.
const ATTEMPTS: usize = 50;

/// A state of the store that does not change.
pub(crate) struct SpanView {
    /// `None` while it is used elsewhere, and during drop.
    connection: Mutex<Option<OpenConnection>>,
    /// The commit that it sees.
    version: WalVersion,
    pub(super) pinned_read: PinnedRead,
    /// Length of the log when the view began, in bytes.
    log_bytes: u64,
    idle: Arc<IdleSpanView>,
}

/// An idle connection of an ended view, kept for the next one. Opening a connection takes 0.2 ms;
/// beginning a transaction on an open one takes 0.01 ms.
#[derive(Default)]
struct IdleSpanView(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    connection: Option<OpenConnection>,
    is_closed: bool,
}

impl IdleSpanView {
    fn lock(&self) -> MutexGuard<'_, Idle> {
        lock::lock(&self.0)
    }
}

impl SpanView {
    /// Locks the view's connection for one operation.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<OpenConnection>> {
        lock::lock(&self.connection)
    }

    /// Growth of the log since the view began, in bytes.
    pub(crate) fn log_growth(&self, log_bytes: u64) -> u64 {
        log_bytes.saturating_sub(self.log_bytes)
    }
}

impl ItemSource for SpanView {
    fn read_items(&self, vat_id: &[u8], range: Range<i64>, take: TakeItem<'_>) -> Result<bool> {
        let connection = self.lock();
        let connection = connection.as_ref().ok_or(Error::DatabaseClosed)?;
        pinned_read::check(self.pinned_read, connection)?;
        item_source::read_items(connection, vat_id, range, take)
    }
}

impl Drop for SpanView {
    fn drop(&mut self) {
        let connection = lock::waited(self.connection.get_mut());
        let Some(connection) = connection.take() else {
            return;
        };
        let ended = connection::end_transaction(&connection);
        let mut idle = self.idle.lock();
        if ended.is_ok() && !idle.is_closed && idle.connection.is_none() {
            idle.connection = Some(connection);
        }
    }
}

/// The views of one store.
#[derive(Default)]
pub(crate) struct SpanViews {
    /// Some may have ended.
    views: RefCell<Vec<Weak<SpanView>>>,
    idle: Arc<IdleSpanView>,
}

impl SpanViews {
    /// A view of the last commit of the file that `own` has open. `None` if none is possible:
    /// without a WAL, or in a transaction that may see an older commit.
    pub(crate) fn last_commit(&self, own: &Connection) -> Option<Arc<SpanView>> {
        let state = own.transaction_state(Some("main")).ok()?;
        if state == TransactionState::Read && !own.is_autocommit() {
            return None;
        }
        if !is_in_wal_mode(own) {
            return None;
        }
        // SQLite's absolute path, which is valid even if the process has changed its working
        // directory.
        let path = PathBuf::from(own.path()?);
        read_schema(own)?;
        let last = self.views.borrow().iter().rev().find_map(Weak::upgrade);
        if let Some(view) = last
            && WalVersion::read(own) == Some(view.version)
        {
            return Some(view);
        }
        let view = Arc::new(self.new_view(own, &path)?);
        let mut views = self.views.borrow_mut();
        views.retain(|view| view.strong_count() > 0);
        views.push(Arc::downgrade(&view));
        drop(views);
        Some(view)
    }

    fn new_view(&self, own: &Connection, path: &Path) -> Option<SpanView> {
        let idle = self.idle.lock().connection.take();
        let connection = match idle {
            Some(connection) => connection,
            None => open(path).ok()?,
        };
        for _ in 0..ATTEMPTS {
            let before = WalVersion::read(own)?;
            connection.execute_batch("BEGIN").ok()?;
            read_schema(&connection)?;
            if !is_in_wal_mode(&connection) {
                return None;
            }
            // Both connections see the same log, so they have the same file open, and nobody has
            // committed meanwhile.
            let is_same = |connection| WalVersion::read(connection) == Some(before);
            if is_same(&connection) && is_same(own) {
                return Some(SpanView {
                    pinned_read: PinnedRead::now(&connection),
                    log_bytes: log_bytes(&connection),
                    connection: Mutex::new(Some(connection)),
                    version: before,
                    idle: self.idle.clone(),
                });
            }
            connection.execute_batch("ROLLBACK").ok()?;
        }
        None
    }

    /// Whether all views have ended.
    pub(crate) fn is_empty(&self) -> bool {
        let mut views = self.views.borrow_mut();
        views.retain(|view| view.strong_count() > 0);
        views.is_empty()
    }

    /// The number of views that have not ended.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        let views = self.views.borrow();
        views.iter().filter(|view| view.strong_count() > 0).count()
    }

    /// Closes the idle connection.
    pub(crate) fn close_idle(&self) {
        let connection = self.idle.lock().connection.take();
        drop(connection);
    }

    /// Forgets all views, which have no readers any more, and closes the idle connection.
    pub(crate) fn clear(&self) {
        self.views.borrow_mut().clear();
        self.close_idle();
    }

    /// Like [`SpanViews::clear`], and keeps no connection from now on.
    pub(crate) fn close(&self) {
        self.idle.lock().is_closed = true;
        self.clear();
    }
}

fn open(path: &Path) -> Result<OpenConnection> {
    let options = OpenOptions {
        readonly: true,
        must_exist: true,
        ..OpenOptions::default()
    };
    let connection = connection::open(&Location::File(path.to_owned()), &options)?;
    let cache = format!("PRAGMA cache_size=-{}", page_cache_kib::SPAN_VIEW);
    connection.execute_batch(&cache)?;
    Ok(connection)
}

/// Reads from the file. After a read, the WAL index exists.
fn read_schema(connection: &Connection) -> Option<()> {
    let sql = "SELECT 1 FROM sqlite_schema LIMIT 1";
    let mut statement = connection.prepare_cached(sql).ok()?;
    statement.exists([]).ok().map(drop)
}

/// Length of the log, in bytes.
pub(crate) fn log_bytes(connection: &Connection) -> u64 {
    let Some(path) = connection.path() else {
        return 0;
    };
    std::fs::metadata(format!("{path}-wal")).map_or(0, |log| log.len())
}
