//! A [`History`]: a read-only connection to a store.
//!
//! A history is one read transaction, so it shows the store's last commit at the time when it was
//! opened, whatever a kernel commits later.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::size_cache::SizeCache;
use crate::store::database::hints::WithFile;
use crate::store::database::read_view::ReadView;
use crate::store::database::shared_writer::Space;
use crate::store::database::{Database, SharedDatabase};
use crate::store::encoding::wtf8;
use crate::store::error::history::Fault;
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::page_cache_kib;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::directory::{HEIGHT_KEY, height_or_zero};
use crate::store::transfer::history_source::HistorySource;

/// A store's history as of one commit. The [module](super) lists its methods by file.
pub struct History {
    db: SharedDatabase,
    closed: Arc<AtomicBool>,
    sizes: SizeCache,
    /// Has what the store has pruned.
    source: Option<Arc<HistorySource>>,
}

impl History {
    /// Opens the history of the store in `directory`, as of its last commit. Writes nothing.
    ///
    /// # Errors
    /// [`Error::NoStore`]; [`Error::UnreadableLog`]; SQLite's errors.
    pub fn open(directory: &Path) -> Result<History> {
        let db = ReadView::open_one(directory, &Monitor::default())?;
        db.execute(&format!(
            "PRAGMA cache_size=-{}; PRAGMA temp_store=MEMORY",
            page_cache_kib::HISTORY
        ))?;
        Ok(History {
            db: SharedDatabase::new(db),
            closed: Arc::default(),
            sizes: SizeCache::default(),
            source: None,
        })
    }

    /// Like [`History::open`], with what the store has pruned from the place `history`: a path or a URL.
    /// [`History::read_items`] and [`History::replay_plan`] use it; everything else is about the store.
    /// Each artifact is checked against the store's record of it, so the place need not be trusted.
    ///
    /// # Errors
    /// Those of [`History::open`] and [`Place::parse`](crate::store::places::Place::parse).
    pub fn open_with_history(directory: &Path, history: &Path) -> Result<History> {
        let source = HistorySource::parse(history)?;
        Ok(History {
            source: Some(Arc::new(source)),
            ..History::open(directory)?
        })
    }

    /// Fails after [`History::close`].
    ///
    /// # Errors
    /// [`Error::History`].
    pub fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Fault::closed());
        }
        Ok(())
    }

    /// Ends the read transaction and closes the connection. Queries and readers on other threads
    /// fail at their next step; this call waits for the current step.
    ///
    /// # Errors
    /// [`Error::History`] if the history is closed already.
    pub fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Err(Fault::closed());
        }
        self.db.lock().close();
        Ok(())
    }

    /// The block height that the host recorded in the key `host.height`, or 0.
    ///
    /// # Errors
    /// [`Error::History`] after [`History::close`]; SQLite's errors.
    pub fn block_height(&self) -> Result<f64> {
        self.ask(|db| db.kv_get(HEIGHT_KEY, height_or_zero))
    }

    /// The size of the file.
    ///
    /// # Errors
    /// [`Error::History`] after [`History::close`]; SQLite's errors.
    pub fn space(&self) -> Result<Space> {
        self.ask(|db| Space::of(db))
    }

    /// The database.
    pub(super) fn database(&self) -> &SharedDatabase {
        &self.db
    }

    /// Where to read what the store has pruned.
    pub(super) fn source(&self) -> Option<&Arc<HistorySource>> {
        self.source.as_ref()
    }

    /// Whether the history is closed.
    pub(super) fn closed(&self) -> &Arc<AtomicBool> {
        &self.closed
    }

    /// The sizes that were measured so far.
    pub(super) fn sizes(&self) -> &SizeCache {
        &self.sizes
    }

    /// Runs a query, unless the history is closed.
    pub(super) fn ask<T>(&self, query: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        let mut db = self.db.lock();
        self.check_open()?;
        query(&mut db).with_file(db.file())
    }

    /// Adds the file's path to an error.
    pub(super) fn with_file_hint<T>(&self, outcome: Result<T>) -> Result<T> {
        match outcome {
            Ok(found) => Ok(found),
            outcome => outcome.with_file(self.db.lock().file()),
        }
    }

    /// Fails if the history is closed or a long query was aborted.
    pub(super) fn check(&self, monitor: &Monitor) -> Result<()> {
        self.check_open()?;
        monitor.check()
    }
}

/// A text of the file as JavaScript reads it.
pub(super) fn readable(text: &[u8]) -> String {
    String::from_utf8_lossy(&wtf8::as_read(text)).into_owned()
}

/// Serializes a result as JSON, for `JSON.parse` or for a program's output.
///
/// # Errors
/// [`Error::Internal`] for values that JSON cannot represent. The types of this module are not
/// among them.
pub fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))
}
