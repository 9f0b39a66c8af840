//! Opens a connection to an SQLite database.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;

use super::schema_check;
use crate::store::encoding::fields;
use crate::store::error::{Error, Result};
use crate::store::fs::{open, open_files};
use crate::store::tasks::limits::{Limits, STATEMENT_CACHE_ENTRIES, limits};

/// How long a writer waits for another connection's lock. better-sqlite3 uses the same timeout.
pub const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Which database to open.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A new, empty database in memory.
    Memory,
    /// A database in memory with the bytes that [`Database::serialize`](super::Database::serialize) returned.
    Serialized(Vec<u8>),
}

/// Options for opening a database.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct OpenOptions {
    /// Refuse every write.
    pub readonly: bool,
    /// Fail if the file does not exist, instead of creating it.
    pub must_exist: bool,
    /// How long to wait for the lock of another connection. In JSON, `timeout`, in milliseconds.
    #[serde(rename = "timeout", deserialize_with = "fields::from_milliseconds")]
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

/// An open connection. When it closes, so are the descriptors that `open_files` has recorded.
pub(crate) struct OpenConnection {
    // Fields are dropped in this order: the connection closes first.
    connection: Connection,
    _record: Option<FileRecord>,
}

/// A record of an open file, which is removed on drop.
struct FileRecord;

impl Drop for FileRecord {
    fn drop(&mut self) {
        open_files::forget();
    }
}

impl OpenConnection {
    /// Takes over a connection, and limits the lengths of its values.
    pub(crate) fn new(connection: Connection, is_file: bool) -> OpenConnection {
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE_ENTRIES);
        limit_lengths(&connection);
        OpenConnection {
            connection,
            _record: is_file.then_some(FileRecord),
        }
    }

    /// The database as bytes.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn serialize(&mut self) -> Result<Vec<u8>> {
        Ok(self.connection.serialize("main")?.to_vec())
    }
}

impl Deref for OpenConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Opens a database.
///
/// # Errors
/// [`Error::NoSuchDirectory`] if the file's directory does not exist; [`Error::OtherLibrary`] if
/// another SQLite library of this process has the file open; SQLite's errors.
pub(crate) fn open(location: &Location, options: &OpenOptions) -> Result<OpenConnection> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if options.readonly {
        flags |= OpenFlags::SQLITE_OPEN_READ_ONLY;
    } else {
        flags |= OpenFlags::SQLITE_OPEN_READ_WRITE;
        if !options.must_exist {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
    }
    let mut connection = match location {
        Location::File(path) => {
            if !parent(path).exists() {
                return Err(Error::NoSuchDirectory);
            }
            open::check_database(path)?;
            open_files::open(path, || {
                Connection::open_with_flags(path, flags).map_err(|error| open_error(error, path))
            })?
        }
        Location::Memory | Location::Serialized(_) => Connection::open_in_memory()?,
    };
    // An empty database has zero bytes, and SQLite fails to allocate a copy of them.
    if let Location::Serialized(bytes) = location
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
    let is_file = matches!(location, Location::File(_));
    Ok(OpenConnection::new(connection, is_file))
}

/// Ends a read transaction, unless SQLite already has.
///
/// # Errors
/// SQLite's errors.
pub(crate) fn end_transaction(connection: &Connection) -> Result<()> {
    if connection.is_autocommit() {
        return Ok(());
    }
    Ok(connection.execute_batch("ROLLBACK")?)
}

/// Converts an error of opening a file to SQLite's own, without the path that rusqlite appends, as
/// the reference reports it.
pub(crate) fn open_error(error: rusqlite::Error, path: &Path) -> Error {
    let error = match error {
        // The message consists of the path alone.
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

/// Limits the lengths of strings, blobs, rows and SQL text as better-sqlite3 does: the reference
/// cannot read longer ones.
fn limit_lengths(connection: &Connection) {
    let set = |limit, length: usize| {
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        // Fails only for an unknown limit.
        drop(connection.set_limit(limit, length));
    };
    set(Limit::SQLITE_LIMIT_LENGTH, limits().value_bytes);
    set(Limit::SQLITE_LIMIT_SQL_LENGTH, Limits::DEFAULT.value_bytes);
}

/// The parent directory of a file.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
