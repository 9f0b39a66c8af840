//! One SQLite database: how it is opened, its transaction, and the state that belongs to its
//! connection.
//!
//! Sub-stores, tools and readers share a database as a [`SharedDatabase`]. Each locks it for one
//! operation at a time, so a database can be used from any thread.
//!
//! The methods of [`Database`] are spread over these files:
//!
//! | file | methods |
//! | --- | --- |
//! | `mod.rs` | opening, closing, transactions, pinned reads, queries, creating tables |
//! | `write_buffer/mod.rs` | buffered writes, `flush`, and noticing that SQLite rolled back |
//! | `write_buffer/savepoints.rs` | savepoints, rollback, `atomically` |
//! | `write_buffer/pending_exports.rs` | pending changes of the export data |
//! | `write_buffer/external_commits.rs` | noticing commits of other connections |
//! | `write_buffer/plain_tables.rs` | whether SQLite can refuse a buffered row |
//! | `next_key.rs` | the next key of the `kvStore` table |
//! | `transcript_items.rs` | reading and deleting transcript items |
//! | `compressed_items/mod.rs` | storing and expanding compressed items |
//! | `compressed_items/compaction.rs` | compressing items |
//! | `long_log.rs` | starting a checkpoint after a commit |
//! | `open_readers.rs` | saving items for open span readers, and views for them |
//! | `store_check.rs` | checks of tables, columns and declarations |
//! | `staging.rs` | moving the file of an import into place |
//! | `tool_sql.rs` | SQL of tools |
//!
//! Each sub-store adds the queries of its tables (`substores/kv.rs` and its siblings). The types
//! that a database consists of do not use [`Database`]: `connection.rs`, `tool_statement.rs`,
//! `write_buffer/buffer.rs`, `reader_state.rs`, `span_view.rs`, `saved_items.rs` and `checkpoint.rs`.

pub(crate) mod cache_signal;
pub(crate) mod checkpoint;
pub(crate) mod compressed_items;
pub(crate) mod connection;
pub(crate) mod hints;
pub(crate) mod item_changes;
pub(crate) mod item_source;
pub(crate) mod key_prefetch;
pub(crate) mod locate;
pub(crate) mod long_log;
pub(crate) mod next_key;
pub(crate) mod open_readers;
pub(crate) mod page_cache;
pub(crate) mod pinned_read;
pub(crate) mod read_view;
pub(crate) mod reader_state;
pub(crate) mod row_order;
pub(crate) mod saved_items;
pub(crate) mod schema;
pub(crate) mod schema_check;
pub(crate) mod shared_writer;
pub(crate) mod span_view;
pub(crate) mod sql_text;
pub(crate) mod staging;
pub(crate) mod store_check;
pub(crate) mod swap_file;
pub(crate) mod tool_sql;
pub(crate) mod tool_statement;
pub(crate) mod transcript_items;
pub(crate) mod wal_version;
pub(crate) mod write_buffer;

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, Params};

use crate::store::error::{Error, Result};
use crate::store::log;
use crate::store::tasks::lock;
use crate::store::tasks::lock::{Faultable, WatchedGuard};
use cache_signal::CacheSignal;
use checkpoint::{Checkpoint, MAX_LOG_PAGES};
use connection::OpenConnection;
pub use connection::{DEFAULT_BUSY_TIMEOUT, Location, OpenOptions};
use pinned_read::PinnedRead;
use reader_state::ReaderState;
use saved_items::SharedItems;
use schema::Part;
use span_view::SpanViews;
use tool_statement::ToolConnection;
use write_buffer::buffer::Buffer;

/// Whether the state of a database is consistent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It is.
    #[default]
    Intact,
    /// The open transaction is incomplete and cannot be rolled back. The database can be read, but
    /// not committed.
    Torn,
    /// A panic may have left the state in memory half changed. The database can only be closed.
    Faulted,
}

/// A database connection with its write buffer and span readers. The module
/// documentation lists where its methods are.
pub struct Database {
    pub(crate) readers: RefCell<Vec<Weak<Mutex<ReaderState>>>>,
    pub(crate) views: SpanViews,
    pub(crate) saved_items: SharedItems,
    /// Whether the file is in a hidden directory, where no other connection opens it.
    pub(crate) is_staged: bool,
    pub(crate) buffer: RefCell<Buffer>,
    pub(crate) signal: Arc<CacheSignal>,
    pub(crate) pinned_read: Cell<PinnedRead>,
    pub(crate) checkpoint: Checkpoint,
    /// Whether the state in memory and the open transaction are consistent.
    pub(crate) trust: Cell<Trust>,
    /// `None` after it was closed.
    pub(crate) connection: Option<ToolConnection>,
    pub(crate) location: Location,
}

impl Faultable for Database {
    fn fault(&self) {
        log::error!(
            "store",
            "a panic left the store half changed; it can only be closed"
        );
        self.trust.set(Trust::Faulted);
        self.signal.set_held(false);
        self.signal.invalidate();
    }
}

/// A database shared by several owners, locked for one operation at a time.
#[derive(Clone)]
pub struct SharedDatabase(Arc<Mutex<Database>>);

impl SharedDatabase {
    /// Opens a database.
    ///
    /// # Errors
    /// [`Error::NoSuchDirectory`] if the file's directory does not exist; [`Error::OtherLibrary`]
    /// if another SQLite library of this process has the file open; SQLite's errors.
    pub fn open(location: Location, options: &OpenOptions) -> Result<SharedDatabase> {
        Database::open(location, options).map(SharedDatabase::new)
    }

    /// Wraps a database for sharing.
    pub(crate) fn new(db: Database) -> SharedDatabase {
        SharedDatabase(Arc::new(Mutex::new(db)))
    }

    /// Locks the database for one operation.
    pub fn lock(&self) -> WatchedGuard<'_, Database> {
        lock::lock_watched(&self.0)
    }
}

impl Database {
    pub(crate) fn open(location: Location, options: &OpenOptions) -> Result<Database> {
        let opened = connection::open(&location, options)?;
        if let Location::File(file) = &location {
            log::debug!(
                "store",
                "opened a file",
                file = file.display(),
                readonly = options.readonly
            );
        }
        let location = match location {
            Location::Serialized(_) => Location::Memory,
            other => other,
        };
        Ok(Database::from_connection(opened, location))
    }

    /// Creates a database over an open connection.
    pub(crate) fn from_connection(connection: OpenConnection, location: Location) -> Database {
        Database {
            readers: RefCell::default(),
            views: SpanViews::default(),
            saved_items: SharedItems::default(),
            is_staged: false,
            buffer: RefCell::default(),
            signal: Arc::default(),
            pinned_read: Cell::default(),
            checkpoint: Checkpoint::default(),
            trust: Cell::default(),
            connection: Some(ToolConnection::new(connection)),
            location,
        }
    }

    /// The connection.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`] after [`Database::close`]; [`Error::PinnedReadLost`];
    /// [`Error::Faulted`].
    pub fn connection(&self) -> Result<&Connection> {
        let connection = self.connection.as_deref().ok_or(Error::DatabaseClosed)?;
        if self.trust.get() == Trust::Faulted {
            return Err(Error::Faulted);
        }
        pinned_read::check(self.pinned_read.get(), connection)?;
        Ok(connection)
    }

    /// Fails if the database is not consistent, so that its transaction must not be committed.
    ///
    /// # Errors
    /// [`Error::Torn`]; [`Error::Faulted`].
    pub(crate) fn check_intact(&self) -> Result<()> {
        self.notice_lost_transaction();
        match self.trust.get() {
            Trust::Intact => Ok(()),
            Trust::Torn => Err(Error::Torn),
            Trust::Faulted => Err(Error::Faulted),
        }
    }

    /// Pins the connection to the commit that its open read transaction sees.
    pub(crate) fn pin_read(&self) {
        let connection = self.connection();
        let pinned = connection.map_or(PinnedRead::Fixed(None), PinnedRead::now);
        self.pinned_read.set(pinned);
    }

    /// Unpins the connection, and ends its read transaction unless SQLite already has.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`]; SQLite's errors.
    pub(crate) fn unpin_read(&self) -> Result<()> {
        self.pinned_read.set(PinnedRead::Any);
        connection::end_transaction(self.connection()?)
    }

    /// Invalidates cached values if another connection may have committed since they were read.
    pub fn refresh(&self) {
        self.notice_external_commits();
    }

    /// The signal that tells caches whether their values are valid.
    pub fn signal(&self) -> Arc<CacheSignal> {
        self.signal.clone()
    }

    /// Whether the connection is open.
    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// The database's file; `None` for a database in memory.
    pub fn file(&self) -> Option<&Path> {
        match &self.location {
            Location::File(path) => Some(path),
            _ => None,
        }
    }

    /// Whether other connections can open and change the database.
    pub(crate) fn is_shared_file(&self) -> bool {
        self.file().is_some() && !self.is_staged
    }

    /// Whether the connection is read-only.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`].
    pub fn is_readonly(&self) -> Result<bool> {
        Ok(self.connection()?.is_readonly("main")?)
    }

    /// Whether a transaction is open; false for a closed database.
    pub fn in_transaction(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| !connection.is_autocommit())
    }

    /// Flushes the write buffer and returns a cached prepared statement.
    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>> {
        self.flush()?;
        self.prepare_directly(sql)
    }

    /// Returns a cached prepared statement without flushing. It does not see buffered writes.
    pub(crate) fn prepare_directly(&self, sql: &str) -> Result<CachedStatement<'_>> {
        self.checked(self.connection()?.prepare_cached(sql))
    }

    /// Flushes, runs a statement that returns no rows, and returns the number of rows changed.
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.checked(self.prepare(sql)?.execute(params))
    }

    /// Runs a statement on tables that are not buffered. Creates the pending savepoints in SQL
    /// first, so that the statement can be rolled back.
    pub(crate) fn run_unbuffered(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.create_savepoints()?;
        self.checked(self.prepare_directly(sql)?.execute(params))
    }

    /// Runs a statement of transaction control, without flushing.
    pub(crate) fn run_directly(&self, sql: &str) -> Result<()> {
        let done = self.checked(self.prepare_directly(sql)?.execute([]));
        done.map(drop)
    }

    /// Runs one or more statements without parameters, without flushing.
    pub fn execute(&self, sql: &str) -> Result<()> {
        Ok(self.connection()?.execute_batch(sql)?)
    }

    /// Flushes, and returns the first value of the first row.
    pub(crate) fn value<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<T>> {
        self.row(sql, params, |row| row.get(0))
    }

    /// Like [`Database::value`], without flushing.
    pub(crate) fn peek_value<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<T>> {
        self.peek_row(sql, params, |row| row.get(0))
    }

    /// Flushes, and returns the first row, mapped.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.flush()?;
        self.peek_row(sql, params, map)
    }

    /// Like [`Database::row`], without flushing.
    pub(crate) fn peek_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.prepare_directly(sql)?;
        let row = || {
            let mut rows = statement.query(params)?;
            rows.next()?.map(map).transpose()
        };
        self.checked(row())
    }

    /// Flushes, and returns all rows, mapped.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.flush()?;
        self.peek_rows(sql, params, map)
    }

    /// Like [`Database::rows`], without flushing.
    pub(crate) fn peek_rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.prepare_directly(sql)?;
        let rows = || statement.query_map(params, map)?.collect();
        self.checked(rows())
    }

    /// Creates the tables of one part that do not exist.
    ///
    /// # Errors
    /// SQLite's error, before anything is written, if a table lacks a column.
    pub fn create(&self, part: Part) -> Result<()> {
        self.check_columns(&[part])?;
        self.execute(part.sql())
    }

    /// Creates empty temporary tables in place of those that an old store may lack. For read-only
    /// connections.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn make_missing_tables(&self) -> Result<()> {
        for (part, table) in [
            (Part::Transcripts, "transcriptSpans"),
            (Part::Snapshots, "snapshots"),
            (Part::Bundles, "bundles"),
        ] {
            if self.has_table(table)? {
                continue;
            }
            // Temporary tables are not written to the store's file.
            let sql = part
                .sql()
                .replace("CREATE TABLE IF NOT EXISTS", "CREATE TEMP TABLE")
                .replace("CREATE INDEX IF NOT EXISTS ", "CREATE INDEX temp.");
            self.execute(&format!(
                "PRAGMA query_only=0; PRAGMA temp_store=MEMORY; {sql}; PRAGMA query_only=1"
            ))?;
        }
        Ok(())
    }

    /// Begins a write transaction, unless a transaction is open.
    ///
    /// # Errors
    /// `SQLITE_BUSY` if another connection writes for longer than the timeout; [`Error::Torn`];
    /// [`Error::Faulted`].
    pub fn begin(&self) -> Result<()> {
        if self.signal.is_held() && self.in_transaction() {
            return Ok(());
        }
        self.check_intact()?;
        let is_new = !self.in_transaction();
        if is_new {
            self.run_directly("BEGIN IMMEDIATE TRANSACTION")?;
        }
        self.transaction_began(is_new);
        Ok(())
    }

    /// Flushes the write buffer and commits the open transaction.
    pub fn commit(&self) -> Result<()> {
        self.flush_all()?;
        self.before_commit();
        self.run_directly("COMMIT")?;
        self.transaction_ended();
        self.checkpoint_long_log();
        self.bound_log();
        Ok(())
    }

    /// Requests a journal mode, and returns the mode that SQLite chose.
    fn set_journal_mode(&self, mode: &'static str) -> Result<String> {
        let sql = format!("PRAGMA journal_mode={mode}");
        let mut statement = self.connection()?.prepare(&sql)?;
        let mut rows = statement.query([])?;
        match rows.next()? {
            Some(row) => Ok(row.get(0)?),
            None => Ok(String::new()),
        }
    }

    /// Selects the journal mode: if `fast`, no journal, so that a rollback is impossible and a
    /// crash destroys the file; otherwise WAL, synced at every commit, which lets exporters read an
    /// older commit while the kernel writes.
    ///
    /// # Errors
    /// [`Error::InTransaction`]; [`Error::JournalMode`] if SQLite chose another mode.
    pub fn set_unsafe_fast_mode(&self, fast: bool) -> Result<()> {
        if self.in_transaction() {
            return Err(Error::InTransaction);
        }
        let (wanted, synchronous) = if fast {
            ("off", "normal")
        } else {
            ("wal", "full")
        };
        // In defensive mode, SQLite ignores a request for no journal.
        let connection = self.connection()?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, !fast)?;
        let found = self.set_journal_mode(wanted);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        let found = found?;
        if found != wanted && self.file().is_some() {
            return Err(Error::JournalMode { wanted, found });
        }
        self.journal_mode_set(&found);
        self.execute(&format!(
            "PRAGMA synchronous={synchronous}; PRAGMA wal_autocheckpoint={MAX_LOG_PAGES}"
        ))
    }

    /// Returns the database as bytes, for [`Location::Serialized`].
    pub fn serialize(&mut self) -> Result<Vec<u8>> {
        self.flush_all()?;
        let connection = self.connection.as_mut().ok_or(Error::DatabaseClosed)?;
        connection.serialize()
    }

    /// Closes the database. Uncommitted writes are lost, and statements and readers fail from now
    /// on, except readers that survive the close. Has no effect on a closed database.
    pub fn close(&mut self) {
        if let (Some(file), true) = (self.file(), self.is_open()) {
            log::debug!("store", "closing a file", file = file.display());
        }
        self.checkpoint.wait();
        self.end_readers();
        self.transaction_lost();
        self.signal.close();
        self.connection = None;
    }
}
