//! One SQLite database: opening it, its transaction, and what is open on it.
//!
//! A database is shared by the sub-stores over it, by the handle that tools get, and by readers
//! that fetch their rows step by step. All of them hold a [`SharedDatabase`] and lock it for one
//! operation at a time, so that it may be used from any thread.

pub(crate) mod cache_signal;
pub(crate) mod hints;
pub(crate) mod item_changes;
pub(crate) mod key_prefetch;
pub(crate) mod locate;
pub(crate) mod open_readers;
pub(crate) mod pinned_read;
pub(crate) mod read_view;
pub(crate) mod saved_items;
pub(crate) mod schema;
pub(crate) mod schema_check;
pub(crate) mod shared_writer;
pub(crate) mod span_view;
pub(crate) mod sql_text;
pub(crate) mod staging;
pub(crate) mod swap_file;
pub(crate) mod tool_statement;
pub(crate) mod wal_version;
pub(crate) mod write_buffer;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{CachedStatement, Connection, OpenFlags, Params};

use write_buffer::Buffer;

use crate::store::error::{Error, Result};
use crate::store::fs::{open, open_files};
use crate::store::tasks::limits::{Limits, limits};
use crate::store::tasks::lock;
use crate::store::tasks::lock::{Faultable, WatchedGuard};
use cache_signal::CacheSignal;
use open_readers::ReaderState;
use pinned_read::PinnedRead;
use saved_items::SavedItems;
use schema::Part;
use span_view::{IdleSpanView, SpanView};
use tool_statement::Statement;

/// How long a writer waits for another one, as better-sqlite3 does.
pub const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// More than the number of different statements that a store uses.
const STATEMENT_CACHE: usize = 128;

/// What to open.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A new, empty database in memory.
    Memory,
    /// A database in memory, with the contents that [`Database::serialize`] once returned.
    Serialized(Vec<u8>),
}

/// How to open it.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Refuse every write.
    pub readonly: bool,
    /// Fail where there is no file yet, instead of making one.
    pub must_exist: bool,
    /// How long to wait for another connection's lock.
    pub busy_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions {
            readonly: false,
            must_exist: false,
            busy_timeout: DEFAULT_BUSY_TIMEOUT,
        }
    }
}

/// Whether a database can be relied on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It can.
    #[default]
    Intact,
    /// What is in the file can't be undone and is not whole. It can be read, but not committed.
    Torn,
    /// A panic may have left what is in memory half changed. Nothing can be done but to close it.
    Faulted,
}

/// A database and everything that is open on it.
pub struct Database {
    /// Statements of tools; dropped before the connection that they belong to.
    pub(crate) statements: HashMap<u32, Statement>,
    pub(crate) next_statement: u32,
    pub(crate) readers: RefCell<Vec<Weak<Mutex<ReaderState>>>>,
    /// Views that readers read in, some of which may have ended.
    pub(crate) views: RefCell<Vec<Weak<SpanView>>>,
    pub(crate) idle_span_view: Arc<IdleSpanView>,
    /// What was saved for readers, if anything was.
    pub(crate) saved_items: RefCell<Weak<SavedItems>>,
    /// Whether the file is out of sight of others.
    pub(crate) is_staged: bool,
    pub(crate) buffer: RefCell<Buffer>,
    pub(crate) signal: Arc<CacheSignal>,
    pub(crate) pinned_read: Cell<PinnedRead>,
    /// Whether what is in memory, and in the open transaction, can be relied on.
    pub(crate) trust: Cell<Trust>,
    pub(crate) connection: Option<Connection>,
    pub(crate) location: Location,
}

impl Faultable for Database {
    fn fault(&self) {
        self.trust.set(Trust::Faulted);
        self.signal.set_held(false);
        self.signal.invalidate();
    }
}

/// A database that several owners use in turn.
#[derive(Clone)]
pub struct SharedDatabase(Arc<Mutex<Database>>);

impl SharedDatabase {
    /// Opens a database.
    ///
    /// # Errors
    /// [`Error::NoSuchDirectory`] where the file's directory is missing; [`Error::OtherLibrary`] where
    /// another SQLite library of this process has the file open; SQLite's own errors.
    pub fn open(location: Location, options: &OpenOptions) -> Result<SharedDatabase> {
        Database::open(location, options).map(SharedDatabase::new)
    }

    /// A database for several owners.
    pub(crate) fn new(db: Database) -> SharedDatabase {
        SharedDatabase(Arc::new(Mutex::new(db)))
    }

    /// The database, for one operation.
    pub fn lock(&self) -> WatchedGuard<'_, Database> {
        lock::lock_watched(&self.0)
    }
}

impl Database {
    pub(crate) fn open(location: Location, options: &OpenOptions) -> Result<Database> {
        let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if options.readonly {
            flags |= OpenFlags::SQLITE_OPEN_READ_ONLY;
        } else {
            flags |= OpenFlags::SQLITE_OPEN_READ_WRITE;
            if !options.must_exist {
                flags |= OpenFlags::SQLITE_OPEN_CREATE;
            }
        }
        let mut connection = match &location {
            Location::File(path) => {
                if !parent(path).exists() {
                    return Err(Error::NoSuchDirectory);
                }
                open::check_database(path)?;
                open_files::open(path, || {
                    Connection::open_with_flags(path, flags)
                        .map_err(|error| open_error(error, path))
                })?
            }
            Location::Memory | Location::Serialized(_) => Connection::open_in_memory()?,
        };
        // An empty database is no bytes at all, of which SQLite can't allocate a copy.
        if let Location::Serialized(bytes) = &location
            && !bytes.is_empty()
        {
            connection.deserialize_read_exact(
                "main",
                bytes.as_slice(),
                bytes.len(),
                options.readonly,
            )?;
        }
        connection.busy_timeout(options.busy_timeout)?;
        schema_check::guard(&connection)?;
        Ok(Database::from_connection(
            connection,
            match location {
                Location::Serialized(_) => Location::Memory,
                other => other,
            },
        ))
    }

    /// A database over a connection that was opened in some way of its own.
    pub(crate) fn from_connection(connection: Connection, location: Location) -> Database {
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        limit_lengths(&connection);
        Database {
            statements: HashMap::new(),
            next_statement: 0,
            readers: RefCell::default(),
            views: RefCell::default(),
            idle_span_view: Arc::default(),
            saved_items: RefCell::default(),
            is_staged: false,
            buffer: RefCell::default(),
            signal: Arc::default(),
            pinned_read: Cell::default(),
            trust: Cell::default(),
            connection: Some(connection),
            location,
        }
    }

    /// The connection.
    ///
    /// # Errors
    /// [`Error::DatabaseClosed`] after [`Database::close`]; [`Error::PinnedReadLost`];
    /// [`Error::Faulted`].
    pub fn connection(&self) -> Result<&Connection> {
        let connection = self.connection.as_ref().ok_or(Error::DatabaseClosed)?;
        if self.trust.get() == Trust::Faulted {
            return Err(Error::Faulted);
        }
        pinned_read::check(self.pinned_read.get(), connection)?;
        Ok(connection)
    }

    /// Fails if what would be committed can't be relied on.
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

    /// Makes void the copies of values that were made before, if another connection may have
    /// changed the database since.
    pub fn refresh(&self) {
        self.notice_external_commits();
    }

    /// What tells whoever keeps copies of values whether they still hold.
    pub fn signal(&self) -> Arc<CacheSignal> {
        self.signal.clone()
    }

    /// Whether the connection is open.
    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// The database's file, unless it is in memory.
    pub fn file(&self) -> Option<&Path> {
        match &self.location {
            Location::File(path) => Some(path),
            _ => None,
        }
    }

    /// Whether other connections may change the database.
    pub(crate) fn is_shared_file(&self) -> bool {
        self.file().is_some() && !self.is_staged
    }

    /// Whether the database may only be read.
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

    /// A statement, prepared once and kept, that sees everything that was written.
    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>> {
        self.flush()?;
        self.prepare_directly(sql)
    }

    /// A statement that does not see what is buffered.
    pub(crate) fn prepare_directly(&self, sql: &str) -> Result<CachedStatement<'_>> {
        self.checked(self.connection()?.prepare_cached(sql))
    }

    /// Runs a statement that returns no rows; returns how many rows it changed.
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.checked(self.prepare(sql)?.execute(params))
    }

    /// Runs a statement that has nothing to do with what is buffered.
    pub(crate) fn run_unbuffered(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.create_savepoints()?;
        self.checked(self.prepare_directly(sql)?.execute(params))
    }

    /// Runs a statement of transaction control.
    pub(crate) fn run_directly(&self, sql: &str) -> Result<()> {
        let done = self.checked(self.prepare_directly(sql)?.execute([]));
        done.map(drop)
    }

    /// Runs one or more statements without parameters.
    pub fn execute(&self, sql: &str) -> Result<()> {
        Ok(self.connection()?.execute_batch(sql)?)
    }

    /// The first row's first value.
    pub(crate) fn value<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<T>> {
        self.row(sql, params, |row| row.get(0))
    }

    /// As [`Database::value`], from tables that are not buffered.
    pub(crate) fn peek_value<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<T>> {
        self.peek_row(sql, params, |row| row.get(0))
    }

    /// The first row, mapped.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.flush()?;
        self.peek_row(sql, params, map)
    }

    /// As [`Database::row`], from tables that are not buffered.
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

    /// All rows, mapped.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.flush()?;
        self.peek_rows(sql, params, map)
    }

    /// As [`Database::rows`], from tables that are not buffered.
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

    /// Makes the tables of one part where they are missing.
    ///
    /// # Errors
    /// SQLite's, before anything is written, where a table lacks a column.
    pub fn create(&self, part: Part) -> Result<()> {
        self.check_columns(&[part])?;
        self.execute(part.sql())
    }

    /// Makes empty tables for those that an old store may lack, for this connection only, which
    /// only reads.
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
            // What is temporary is not written to the store.
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

    /// Begins a transaction that may write, unless one is open.
    ///
    /// # Errors
    /// SQLite's `SQLITE_BUSY` when another connection writes for longer than the timeout;
    /// [`Error::Torn`].
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

    /// Commits the open transaction.
    pub fn commit(&self) -> Result<()> {
        self.flush_all()?;
        self.before_commit();
        self.run_directly("COMMIT")?;
        self.transaction_ended();
        self.bound_log();
        Ok(())
    }

    /// The journal mode that SQLite settles on when asked for `mode`.
    fn set_journal_mode(&self, mode: &'static str) -> Result<String> {
        let sql = format!("PRAGMA journal_mode={mode}");
        let mut statement = self.connection()?.prepare(&sql)?;
        let mut rows = statement.query([])?;
        match rows.next()? {
            Some(row) => Ok(row.get(0)?),
            None => Ok(String::new()),
        }
    }

    /// Chooses between safety (WAL, synced at every commit) and speed (no journal at all, with
    /// which a rollback is impossible and a crash destroys the file).
    ///
    /// WAL lets exporters go on reading an older state while the kernel writes.
    ///
    /// # Errors
    /// [`Error::InTransaction`]; [`Error::JournalMode`] when SQLite did not follow.
    pub fn set_unsafe_fast_mode(&self, fast: bool) -> Result<()> {
        if self.in_transaction() {
            return Err(Error::InTransaction);
        }
        let (wanted, synchronous) = if fast {
            ("off", "normal")
        } else {
            ("wal", "full")
        };
        // SQLite ignores the request for no journal where it defends a file.
        let connection = self.connection()?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, !fast)?;
        let found = self.set_journal_mode(wanted);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        let found = found?;
        if found != wanted && self.file().is_some() {
            return Err(Error::JournalMode { wanted, found });
        }
        self.journal_mode_set(&found);
        self.execute(&format!("PRAGMA synchronous={synchronous}"))
    }

    /// The whole database as bytes, from which [`Location::Serialized`] makes it anew.
    pub fn serialize(&mut self) -> Result<Vec<u8>> {
        self.flush_all()?;
        let connection = self.connection.as_mut().ok_or(Error::DatabaseClosed)?;
        Ok(connection.serialize("main")?.to_vec())
    }

    /// Closes the database. What was not committed is gone; what was open on it fails from now
    /// on. Does nothing the second time.
    pub fn close(&mut self) {
        self.end_readers();
        self.transaction_lost();
        self.signal.close();
        self.statements.clear();
        if let Some(connection) = self.connection.take() {
            // SQLite refuses to close only while statements are open, and there are none left.
            // Should it refuse all the same, dropping the connection closes it.
            drop(connection.close());
            self.forget_file();
        }
    }

    /// Takes note that the connection to a file was closed.
    pub(crate) fn forget_file(&self) {
        if self.file().is_some() {
            open_files::forget();
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Statements first: they belong to the connection.
        self.statements.clear();
        if self.connection.take().is_some() {
            self.forget_file();
        }
    }
}

/// SQLite's error without the path that rusqlite adds, which callers do not expect.
pub(crate) fn open_error(error: rusqlite::Error, path: &Path) -> Error {
    let error = match error {
        // It has no words for this but the path.
        rusqlite::Error::SqliteFailure(failure, Some(message)) if Path::new(&message) == path => {
            rusqlite::Error::SqliteFailure(failure, None)
        }
        other => other,
    };
    match Error::from(error) {
        Error::Sqlite {
            code,
            message,
            system,
        } => {
            let suffix = format!(": {}", path.display());
            Error::Sqlite {
                code,
                system,
                message: message.trim_end_matches(&suffix).to_owned(),
            }
        }
        other => other,
    }
}

/// Limits strings, blobs and rows, and the text of statements, as better-sqlite3 does: what it
/// does not take, no caller of the reference could read.
fn limit_lengths(connection: &Connection) {
    let set = |limit, length: usize| {
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        // It fails only for a limit that does not exist.
        drop(connection.set_limit(limit, length));
    };
    set(Limit::SQLITE_LIMIT_LENGTH, limits().value_bytes);
    set(Limit::SQLITE_LIMIT_SQL_LENGTH, Limits::DEFAULT.value_bytes);
}

/// The directory that a file lies in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
