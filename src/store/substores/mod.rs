//! The sub-stores: key-value state, transcripts, snapshots and bundles, and the cranks that group
//! their writes.

pub(crate) mod bundles;
pub(crate) mod crank;
pub(crate) mod delivery;
pub(crate) mod export_changes;
pub(crate) mod kernel_keys;
pub(crate) mod kv;
pub(crate) mod snapshots;
pub(crate) mod span_reader;
pub(crate) mod trace;
pub(crate) mod transcripts;

use std::path::PathBuf;

use super::database::schema::Part;
use super::database::{Database, Location, OpenOptions, SharedDatabase};
use super::error::{Error, Result};
use super::tasks::lock;

/// Who begins the transactions that a store's writes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transactions {
    /// The store itself, at its first write.
    Own,
    /// Whoever made the store over a database of theirs.
    Callers,
}

/// Where a store notes changes of its export data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeTarget {
    /// Nowhere.
    Nobody,
    /// In the `pendingExports` table, for [`Store::end_crank`] and [`Store::commit`] to return.
    PendingExports,
    /// In a list, for [`Store::take_export_changes`].
    List,
}

/// How a store behaves.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Who begins transactions.
    pub transactions: Transactions,
    /// Where changes of the export data go.
    pub change_target: ChangeTarget,
    /// Whether snapshots are kept when they are no longer in use.
    pub keep_snapshots: bool,
    /// Whether the items of a span are kept when it ends.
    pub keep_transcripts: bool,
    /// A file to which every set and delete is appended.
    pub trace_file: Option<PathBuf>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            transactions: Transactions::Own,
            change_target: ChangeTarget::PendingExports,
            keep_snapshots: false,
            keep_transcripts: true,
            trace_file: None,
        }
    }
}

/// One facade over a database.
pub struct Store {
    db: SharedDatabase,
    transactions: Transactions,
    export_changes: export_changes::ExportChanges,
    keep_snapshots: bool,
    keep_transcripts: bool,
    crank: crank::Crank,
    trace: Option<trace::Trace>,
    open: bool,
}

impl lock::Faultable for Store {
    fn fault(&self) {
        self.db.lock().fault();
    }
}

impl Store {
    /// A store over a database whose tables exist.
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
            // What can't be written is to fail at once.
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
            crank: crank::Crank::default(),
            trace,
            open: true,
        })
    }

    /// Opens a store, making what is missing of it.
    ///
    /// # Errors
    /// As [`SharedDatabase::open`] and [`Store::over`]; SQLite's errors, such as `SQLITE_NOTADB`
    /// for a file that is not a database, `SQLITE_ERROR`, before anything is written, for tables that
    /// lack a column, or `SQLITE_BUSY` when another process is writing.
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

    /// Makes a database ready to be a store: its journal mode, unless that is to be left alone,
    /// and its tables.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn initialize(shared: &SharedDatabase, unsafe_fast_mode: Option<bool>) -> Result<()> {
        let db = shared.lock();
        db.check_tables()?;
        db.check_columns(&Part::ALL)?;
        db.check_declared()?;
        if let Some(fast) = unsafe_fast_mode {
            db.set_unsafe_fast_mode(fast)?;
        }
        db.begin()?;
        for part in Part::ALL {
            db.create(part)?;
        }
        db.commit()
    }

    /// A new store in memory.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn in_memory(options: StoreOptions) -> Result<Store> {
        Store::open(Location::Memory, &OpenOptions::default(), false, options)
    }

    /// The database under this store.
    pub fn database(&self) -> &SharedDatabase {
        &self.db
    }

    /// Makes sure that a write is part of a transaction.
    pub(crate) fn ensure_txn(&self, db: &Database) -> Result<()> {
        match self.transactions {
            Transactions::Callers => Ok(()),
            Transactions::Own if !self.open => Err(Error::StoreClosed),
            Transactions::Own => db.begin(),
        }
    }

    /// Does work that writes in more than one step, in a transaction. If it fails, all that it has
    /// written and noted is undone.
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
        let noted = export_changes.list.len();
        let done = db.atomically(|db| work(db, export_changes, trace));
        if done.is_err() {
            export_changes.list.truncate(noted);
        }
        done
    }

    /// Begins the transaction that a write belongs to, unless the store leaves that to others.
    ///
    /// # Errors
    /// [`Error::StoreClosed`]; SQLite's errors.
    pub fn begin(&self) -> Result<()> {
        self.ensure_txn(&self.db.lock())
    }

    /// Closes the store and its database. What was not committed is gone.
    ///
    /// # Errors
    /// [`Error::StoreClosed`] the second time.
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
