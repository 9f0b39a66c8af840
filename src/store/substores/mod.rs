//! [`Store`]: key-value state, transcripts, snapshots and bundles over one database, and the cranks
//! that group their writes.
//!
//! This file defines `Store` with its options, opening, transactions and closing. The other methods
//! are in `impl Store` blocks by subject:
//!
//! | file | methods |
//! | --- | --- |
//! | `kv.rs` | `kvStore`: `kv_…`, `kernel_…`, `host_…` |
//! | `transcripts.rs` | `transcriptStore`: items, spans, span artifacts |
//! | `snapshots.rs` | `snapStore`: heap snapshots, snapshot artifacts |
//! | `compact_history.rs` | compressing history in steps |
//! | `bundles.rs` | `bundleStore`: bundles, bundle artifacts |
//! | `metrics.rs` | `metrics`: what a store has counted |
//! | `crank.rs` | cranks, savepoints, crank hashes, `commit`, delivery of export changes |
//! | `../transfer/record_import.rs` | export records of spans and snapshots: import, repair |
//! | `../transfer/span_import.rs` | span artifacts: import |
//! | `../transfer/exporter.rs` | `span_records`, `snapshot_records`, `bundle_records` |
//! | `../transfer/completeness.rs` | `check_bundles`, `check_transcripts`, `check_snapshots` |
//! | `../transfer/archive/span.rs` | `begin_span_archive` |
//!
//! The first four add the queries of their tables to `Database`, too, and so does `kernel_keys.rs`
//! for the keys of a SwingSet kernel. `span_reader.rs` reads spans, `delivery.rs` parses transcript
//! items, `export_changes.rs` records changes of the export data, and `trace.rs` writes the trace
//! file.

pub(crate) mod bundles;
pub(crate) mod compact_history;
pub(crate) mod compaction_state;
pub(crate) mod crank;
pub(crate) mod crank_state;
pub(crate) mod delivery;
pub(crate) mod export_changes;
pub(crate) mod kernel_keys;
pub(crate) mod kv;
pub(crate) mod metrics;
pub(crate) mod snapshots;
pub(crate) mod span_reader;
pub(crate) mod trace;
pub(crate) mod transcripts;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod three_vats;

use std::path::PathBuf;

use serde::Deserialize;

use super::database::schema::Part;
use super::database::{Database, Location, OpenOptions, SharedDatabase};
use super::error::{Error, Result};
use super::metrics::running::Counters;
use super::tasks::lock;
pub use export_changes::ChangeTarget;

/// Who starts the transactions that a store writes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transactions {
    /// The store, at its first write.
    Own,
    /// The caller, who created the store over its own database.
    Callers,
}

/// How a store keeps the items of historical spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HistoricalSpans {
    /// As rows, which the reference reads.
    #[default]
    Rows,
    /// Compressed. Spans that end or are imported from now on are compressed.
    Compressed,
}

/// How a store behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct StoreOptions {
    /// Who starts transactions.
    pub transactions: Transactions,
    /// Where changes of the export data are recorded.
    pub change_target: ChangeTarget,
    /// Whether a snapshot keeps its contents when the vat stops using it.
    pub keep_snapshots: bool,
    /// Whether a span keeps its items when it ends.
    pub keep_transcripts: bool,
    /// How the items of spans that end are kept.
    pub historical_spans: HistoricalSpans,
    /// A file that every set and delete of a key is appended to.
    #[serde(skip)]
    pub trace_file: Option<PathBuf>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            transactions: Transactions::Own,
            change_target: ChangeTarget::PendingExports,
            keep_snapshots: false,
            keep_transcripts: true,
            historical_spans: HistoricalSpans::Rows,
            trace_file: None,
        }
    }
}

/// A swing-store over a database: one crank, one set of options.
pub struct Store {
    db: SharedDatabase,
    transactions: Transactions,
    export_changes: export_changes::ExportChanges,
    keep_snapshots: bool,
    keep_transcripts: bool,
    historical_spans: HistoricalSpans,
    compaction: compaction_state::Compaction,
    /// The spans that have ended since the last commit, if they are to be compressed.
    ended_spans: compaction_state::EndedSpans,
    crank: crank_state::Crank,
    trace: Option<trace::Trace>,
    counters: Counters,
    open: bool,
}

impl lock::Faultable for Store {
    fn fault(&self) {
        self.db.lock().fault();
    }
}

impl Store {
    /// Creates a store over a database whose tables exist.
    ///
    /// # Errors
    /// [`Error::Io`] when the trace file can't be opened.
    pub fn over(db: SharedDatabase, options: StoreOptions) -> Result<Store> {
        let trace = match &options.trace_file {
            Some(path) => Some(trace::Trace::append_to(path)?),
            None => None,
        };
        if options.transactions == Transactions::Own {
            let locked = db.lock();
            // Without a write buffer, the first write to a read-only database fails at once.
            if !locked.is_readonly()? {
                locked.buffer_writes();
            }
        }
        Ok(Store {
            db,
            transactions: options.transactions,
            export_changes: export_changes::ExportChanges::new(options.change_target),
            keep_snapshots: options.keep_snapshots,
            keep_transcripts: options.keep_transcripts,
            historical_spans: options.historical_spans,
            compaction: compaction_state::Compaction::default(),
            ended_spans: compaction_state::EndedSpans::default(),
            crank: crank_state::Crank::default(),
            trace,
            counters: Counters::default(),
            open: true,
        })
    }

    /// Opens a store; creates the file and the tables that are missing.
    ///
    /// # Errors
    /// As [`SharedDatabase::open`] and [`Store::over`]; SQLite's errors, such as `SQLITE_NOTADB`
    /// for a file that is not a database, `SQLITE_BUSY` if another process is writing, or, before
    /// the first write, `SQLITE_ERROR` for a table that lacks a column.
    pub fn open(
        location: Location,
        open: &OpenOptions,
        unsafe_fast_mode: bool,
        options: StoreOptions,
    ) -> Result<Store> {
        let shared = SharedDatabase::open(location, open)?;
        Store::initialize(&shared, (!open.readonly).then_some(unsafe_fast_mode))?;
        Store::over(shared, options)
    }

    /// Prepares a database for a store: checks the existing tables, sets the journal mode, creates the
    /// missing tables, and deletes stale compressed items. `None` is for a database that is open
    /// read-only: it leaves the journal mode and the stale items, which reading ignores, unchanged.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn initialize(shared: &SharedDatabase, unsafe_fast_mode: Option<bool>) -> Result<()> {
        let db = shared.lock();
        db.check_writable(|db| db.check_columns(&Part::ALL))?;
        if let Some(fast) = unsafe_fast_mode {
            db.set_unsafe_fast_mode(fast)?;
        }
        db.begin()?;
        for part in Part::ALL {
            db.create(part)?;
        }
        if unsafe_fast_mode.is_some() {
            db.drop_stale_frames()?;
        }
        db.commit()
    }

    /// Opens a new store in memory.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn in_memory(options: StoreOptions) -> Result<Store> {
        Store::open(Location::Memory, &OpenOptions::default(), false, options)
    }

    /// How the items of historical spans are kept.
    pub(crate) fn historical_spans(&self) -> HistoricalSpans {
        self.historical_spans
    }

    /// The store's database.
    pub fn database(&self) -> &SharedDatabase {
        &self.db
    }

    /// Starts a transaction for a write, unless one is open or the caller starts them.
    pub(crate) fn ensure_txn(&self, db: &Database) -> Result<()> {
        match self.transactions {
            Transactions::Callers => Ok(()),
            Transactions::Own if !self.open => Err(Error::StoreClosed),
            Transactions::Own => db.begin(),
        }
    }

    /// Runs `work`, which writes in several steps, in a transaction. If it fails, its writes and
    /// its recorded changes are undone.
    fn atomically<T>(
        &mut self,
        work: impl FnOnce(
            &mut Database,
            &mut export_changes::ExportChanges,
            &mut Option<trace::Trace>,
        ) -> Result<T>,
    ) -> Result<T> {
        let mut db = self.db.lock();
        self.ensure_txn(&db)?;
        let Store {
            export_changes,
            trace,
            ..
        } = self;
        let recorded = export_changes.list.len();
        let done = db.atomically(|db| work(db, export_changes, trace));
        if done.is_err() {
            export_changes.list.truncate(recorded);
        }
        done
    }

    /// Starts a transaction for a write, unless one is open or the caller starts them.
    ///
    /// # Errors
    /// [`Error::StoreClosed`]; SQLite's errors.
    pub fn begin(&self) -> Result<()> {
        self.ensure_txn(&self.db.lock())
    }

    /// Closes the store and its database. Uncommitted writes are lost.
    ///
    /// # Errors
    /// [`Error::StoreClosed`] if the store is closed.
    pub fn close(&mut self) -> Result<()> {
        if !self.open {
            return Err(Error::StoreClosed);
        }
        self.open = false;
        self.trace = None;
        self.db.lock().close();
        Ok(())
    }
}
