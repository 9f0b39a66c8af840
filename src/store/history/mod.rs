//! A store's history as data: which vats there were, how their transcripts are cut into
//! incarnations and spans, what is there of them and what was pruned, and what it takes to replay
//! an incarnation.
//!
//! A [`History`] is a read transaction on a connection of its own that can't write: it shows the
//! store's last commit at the moment when it was opened, whatever a kernel commits meanwhile.
//!
//! Incarnations are numbered as in the file: the first one of a vat is 0.

mod contents;
mod entry;
mod incarnations;
mod items;
mod keys;
mod lacking;
mod plan;
mod sizes;
mod spans;
mod vats;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::store::database::hints::WithFile;
use crate::store::database::read_view::ReadView;
use crate::store::database::shared_writer::Space;
use crate::store::database::{Database, SharedDatabase};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::tasks::limits::page_cache_kib;
use crate::store::tasks::monitor::Monitor;
use crate::store::transfer::directory::{HEIGHT_KEY, height_or_zero};

pub use crate::store::error::history::HistoryFault;
pub use contents::{BundleInfo, BundlePlace, SnapshotSummary};
pub use entry::{Entry, JsonText, PseudoDelivery};
pub use incarnations::Incarnation;
pub use items::{ItemsReader, ItemsRun, Selection};
pub use keys::{KeyKind, KeySizes, KeyTally};
pub use lacking::Lacking;
pub use plan::{
    Checkpoint, LearnedFrom, MissingPart, PlanBundle, ReplayFrom, ReplayPlan, ReplayStart,
};
pub use spans::{Populated, SpanInfo};
pub use vats::{VatInfo, VatKind, VatState};

/// A store's history as of one moment.
pub struct History {
    db: SharedDatabase,
    closed: Arc<AtomicBool>,
    sizes: sizes::Sizes,
}

impl History {
    /// The history of the store in a directory, as of its last commit. Nothing is written.
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
            sizes: sizes::Sizes::default(),
        })
    }

    /// Fails after [`History::close`].
    ///
    /// # Errors
    /// [`Error::History`].
    pub fn check_open(&self) -> Result<()> {
        check_open(&self.closed)
    }

    /// Ends the read transaction and closes the connection. What is being asked or read ends at
    /// its next step, for which this waits.
    ///
    /// # Errors
    /// [`Error::History`] the second time.
    pub fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Err(HistoryFault::closed());
        }
        self.db.lock().close();
        Ok(())
    }

    /// The block height that the host has noted under `host.height`; 0 if it has not.
    ///
    /// # Errors
    /// [`Error::History`] after [`History::close`]; SQLite's errors.
    pub fn block_height(&self) -> Result<f64> {
        self.ask(|db| db.kv_get(HEIGHT_KEY, height_or_zero))
    }

    /// What the file takes up.
    ///
    /// # Errors
    /// [`Error::History`] after [`History::close`]; SQLite's errors.
    pub fn space(&self) -> Result<Space> {
        self.ask(|db| Space::of(db))
    }

    /// Asks the database something, unless it was closed.
    fn ask<T>(&self, question: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        let mut db = self.db.lock();
        self.check_open()?;
        question(&mut db).with_file(db.file())
    }

    /// An outcome of reading, whose error says of which file it is.
    fn with_file_hint<T>(&self, outcome: Result<T>) -> Result<T> {
        match outcome {
            Ok(found) => Ok(found),
            outcome => outcome.with_file(self.db.lock().file()),
        }
    }

    /// Fails if a long answer is not wanted any more.
    fn check(&self, monitor: &Monitor) -> Result<()> {
        self.check_open()?;
        monitor.check()
    }
}

fn check_open(closed: &AtomicBool) -> Result<()> {
    match closed.load(Ordering::Acquire) {
        true => Err(HistoryFault::closed()),
        false => Ok(()),
    }
}

/// A text of the file as JavaScript reads it.
fn readable(text: &[u8]) -> String {
    String::from_utf8_lossy(&wtf8::as_read(text)).into_owned()
}

/// A value that is to become JSON text, for `JSON.parse` or for a program's output.
///
/// # Errors
/// [`Error::Internal`] for what JSON can't hold, which none of the types of this module is.
pub fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))
}
