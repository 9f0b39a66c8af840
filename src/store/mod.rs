//! The store: key-value state, transcripts, snapshots and bundles of a SwingSet kernel, in one
//! SQLite file that is committed once a block.
//!
//! [`Store`] holds the state of one facade over a database: its crank, and where changes of the
//! export data are noted. Each sub-store is an `impl Store` in a file of its own; rows are read
//! and written there and nowhere else.
//!
//! ```
//! use swing_store::store::{Store, StoreOptions};
//! # fn main() -> swing_store::store::Result<()> {
//! let mut store = Store::in_memory(StoreOptions::default())?;
//! store.start_crank()?;
//! store.kernel_set(b"v1.greeting", b"hello")?;
//! let hashes = store.emit_crank_hashes()?;
//! store.end_crank()?;
//! store.finish_crank();
//! store.commit()?;
//! assert_eq!(store.kv_get(b"activityhash")?, Some(hashes.activityhash.into_bytes()));
//! # Ok(())
//! # }
//! ```

mod advice;
mod apart;
pub mod archive;
mod artifact;
mod beside;
mod buffer;
mod bundles;
pub mod check_bundle;
mod completeness;
mod crank;
mod database;
mod declared;
mod delivery;
pub mod diff;
pub mod directory;
mod error;
mod export;
mod flusher;
mod gzip;
mod hash;
pub mod history;
mod holders;
mod item_changes;
mod journaled;
pub mod js_json;
mod kernel_keys;
mod kv;
mod limits;
mod locate;
pub(crate) mod locks;
mod moment;
mod new_file;
mod notes;
mod ownership;
mod pool;
mod progress;
pub mod prune;
mod reader_view;
pub mod reclaim;
mod record;
mod record_import;
mod regular;
mod rename;
mod replace;
pub mod repopulate;
mod saved_items;
mod scan;
mod schema;
mod scratch;
mod shortfall;
mod signal;
mod snapshots;
mod span_import;
mod span_lines;
mod span_reader;
mod sqlite_code;
mod staging;
mod statement;
pub(crate) mod system_error;
mod text;
mod trace;
mod transcripts;
pub mod verify;
mod view;
mod wal_clock;

use std::path::PathBuf;

pub(crate) use apart::check_no_store_file;
pub use artifact::{ArtifactMode, bundle_id_from_name};
pub use beside::{Space, Transacted};
pub use bundles::{
    BundleContents, MAX_BUNDLE_BYTES, NewBundle, check_bundle_artifact, gather_bundle,
};
pub use crank::{ACTIVITYHASH, CrankHashes, next_activityhash};
pub use database::{DEFAULT_BUSY_TIMEOUT, Database, Location, OpenOptions, SharedDatabase};
pub use diff::diff_stores;
pub use error::{Class, Described, Detail, Error, Result};
pub use export::{Artifact, ExportRecords, Exporter, Record};
pub use gzip::{Compressed, Compressor, Decompressor};
pub use hash::Sha256;
pub use history::History;
pub use holders::Unused;
pub use kv::{KeyType, kernel_key_type, key_type, require_host_key};
pub use limits::{Limits, limits, set_limits};
pub(crate) use locate::find_file;
pub use locate::{FILE_NAME, file_in_directory};
pub use new_file::NewFile;
pub use notes::{Exports, Note};
pub use progress::{Monitor, Progress, Stage};
pub use schema::Part;
pub use signal::{Numbers, Signal, SignalView};
pub use snapshots::{SnapshotImport, SnapshotInfo, SnapshotRow};
pub use span_import::SpanImport;
pub use span_reader::{ItemBatch, SpanReader};
pub use staging::{Staged, StorePlace};
pub use statement::{Bindings, Changes, Column, SqlValue};
pub use text::{as_read as text_as_read, for_hash as text_for_hash, from_utf16, has_replacement};
pub use transcripts::{Deletion, ItemRow, Span};
pub use verify::verify_store;

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
pub enum NoteTo {
    /// Nowhere.
    Nobody,
    /// In the `pendingExports` table, for [`Store::end_crank`] and [`Store::commit`] to return.
    PendingExports,
    /// In a list, for [`Store::take_notes`].
    List,
}

/// How a store behaves.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Who begins transactions.
    pub transactions: Transactions,
    /// Where changes of the export data go.
    pub note_to: NoteTo,
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
            note_to: NoteTo::PendingExports,
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
    notes: notes::Notes,
    keep_snapshots: bool,
    keep_transcripts: bool,
    crank: crank::Crank,
    trace: Option<trace::Trace>,
    open: bool,
}

impl locks::Faultable for Store {
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
            notes: notes::Notes::new(options.note_to),
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
    fn ensure_txn(&self, db: &Database) -> Result<()> {
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
        work: impl FnOnce(&mut Database, &mut notes::Notes, &mut Option<trace::Trace>) -> Result<T>,
    ) -> Result<T> {
        let mut db = self.db.lock();
        self.ensure_txn(&db)?;
        let Store { notes, trace, .. } = self;
        let noted = notes.list.len();
        let done = db.atomically(|db| work(db, notes, trace));
        if done.is_err() {
            notes.list.truncate(noted);
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
