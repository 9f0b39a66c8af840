//! Statements of tools, which run their own SQL and step through rows one call at a time.
//!
//! rusqlite's statements borrow their connection, and its rows borrow their statement, so neither
//! can be kept between calls from JavaScript. This module holds SQLite's statement pointers
//! instead. All of the crate's `unsafe` use of SQLite is here and in `wal_version`.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use rusqlite::{Connection, ffi};

use super::connection::OpenConnection;
use crate::store::error::{Class, Error, Result};

/// A parameter or a result of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// SQL's NULL
    Null,
    /// an integer
    Integer(i64),
    /// a floating-point number
    Real(f64),
    /// a text, as WTF-8
    Text(Vec<u8>),
    /// bytes
    Blob(Vec<u8>),
}

/// The parameters of a statement.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    /// values for `?`, in order
    pub positional: Vec<SqlValue>,
    /// values for `@name`, `:name` and `$name`, if any were given
    pub named: Option<Vec<(String, SqlValue)>>,
}

/// The effect of a statement that returns no rows.
#[derive(Debug, Clone, Copy)]
pub struct Changes {
    /// how many rows it inserted, updated or deleted
    pub changes: i64,
    /// the rowid of the row that was last inserted on this connection
    pub last_insert_rowid: i64,
}

/// A result column.
#[derive(Debug, Clone)]
pub struct Column {
    /// its name in the result
    pub name: String,
    /// the column it comes from, unless it is an expression
    pub column: Option<String>,
    /// that column's table
    pub table: Option<String>,
    /// that table's database
    pub database: Option<String>,
    /// that column's declared type
    pub decl_type: Option<String>,
}

/// A prepared statement. It belongs to the [`ToolConnection`] that prepared it, and is used only
/// while that is borrowed.
pub(crate) struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    columns: Arc<[String]>,
    /// The parameters' names without their first character; `None` for `?`.
    parameters: Vec<Option<String>>,
    stepping: bool,
}

// SAFETY: the pointer is used only through `&mut ToolConnection` (see `ToolConnection::statement`),
// so by one thread at a time, which is what SQLite requires of a connection without its own mutex.
unsafe impl Send for Statement {}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: the pointer came from sqlite3_prepare_v3 and is finalized once, here. The
        // connection is still open: a `ToolConnection` drops its statements first.
        unsafe { ffi::sqlite3_finalize(self.raw.as_ptr()) };
    }
}

impl Statement {
    fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.raw.as_ptr()
    }

    /// Whether it returns rows.
    pub(super) fn returns_data(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Whether it writes nothing.
    pub(super) fn is_readonly(&self) -> bool {
        // SAFETY: a live statement.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw()) != 0 }
    }

    /// Whether its rows are being read.
    pub(super) fn is_stepping(&self) -> bool {
        self.stepping
    }

    /// The names of its result columns.
    pub(super) fn column_names(&self) -> Arc<[String]> {
        self.columns.clone()
    }

    /// Its SQL.
    pub(super) fn sql(&self) -> Option<String> {
        // SAFETY: a live statement, whose text SQLite owns and which is copied.
        unsafe { text(ffi::sqlite3_sql(self.raw())) }
    }

    /// Its result columns.
    pub(super) fn columns(&self) -> Vec<Column> {
        let raw = self.raw();
        // SAFETY: a live statement; the strings are SQLite's, or null, and are copied.
        unsafe {
            (0..self.columns.len() as c_int)
                .map(|index| Column {
                    name: text(ffi::sqlite3_column_name(raw, index)).unwrap_or_default(),
                    column: text(ffi::sqlite3_column_origin_name(raw, index)),
                    table: text(ffi::sqlite3_column_table_name(raw, index)),
                    database: text(ffi::sqlite3_column_database_name(raw, index)),
                    decl_type: text(ffi::sqlite3_column_decltype(raw, index)),
                })
                .collect()
        }
    }

    /// Binds all parameters; from now on, the rows are being read.
    pub(super) fn start(&mut self, bindings: &Bindings) -> Result<()> {
        self.bind(bindings).inspect_err(|_| self.reset())?;
        self.stepping = true;
        Ok(())
    }

    /// Stops reading rows, and unbinds the parameters.
    pub(super) fn reset(&mut self) {
        self.stepping = false;
        // SAFETY: a live statement. The results repeat the error of the last step.
        unsafe {
            ffi::sqlite3_reset(self.raw());
            ffi::sqlite3_clear_bindings(self.raw());
        }
    }

    fn bind_one(&self, index: c_int, value: &SqlValue) -> Result<()> {
        // SAFETY: a live statement; SQLITE_TRANSIENT makes SQLite copy the bytes, whose length
        // is given.
        let status = unsafe {
            match value {
                SqlValue::Null => ffi::sqlite3_bind_null(self.raw(), index),
                SqlValue::Integer(number) => ffi::sqlite3_bind_int64(self.raw(), index, *number),
                SqlValue::Real(number) => ffi::sqlite3_bind_double(self.raw(), index, *number),
                SqlValue::Text(text) => ffi::sqlite3_bind_text64(
                    self.raw(),
                    index,
                    text.as_ptr().cast(),
                    text.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                    ffi::SQLITE_UTF8 as u8,
                ),
                // A null pointer would bind NULL instead of no bytes.
                SqlValue::Blob(bytes) if bytes.is_empty() => {
                    ffi::sqlite3_bind_zeroblob(self.raw(), index, 0)
                }
                SqlValue::Blob(bytes) => ffi::sqlite3_bind_blob64(
                    self.raw(),
                    index,
                    bytes.as_ptr().cast(),
                    bytes.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                ),
            }
        };
        match status {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(Error::TooBig),
        }
    }

    /// Binds all parameters. Reports missing and superfluous ones in better-sqlite3's order.
    pub(super) fn bind(&mut self, bindings: &Bindings) -> Result<()> {
        let numbered = || (1..).zip(self.parameters.iter());
        let unnamed: Vec<c_int> = numbered()
            .filter_map(|(index, name)| name.is_none().then_some(index))
            .collect();
        if bindings.positional.len() > unnamed.len() {
            return Err(bad_parameters("Too many parameter values were provided"));
        }
        for (index, value) in unnamed.iter().zip(&bindings.positional) {
            self.bind_one(*index, value)?;
        }
        let mut is_missing_object = false;
        for (index, name) in numbered() {
            let Some(name) = name else {
                continue;
            };
            let Some(named) = &bindings.named else {
                is_missing_object = true;
                break;
            };
            let value = named
                .iter()
                .find_map(|(key, value)| (key == name).then_some(value))
                .ok_or_else(|| bad_parameters(format!("Missing named parameter \"{name}\"")))?;
            self.bind_one(index, value)?;
        }
        if is_missing_object {
            return Err(misuse(Class::TypeError, "Missing named parameters".into()));
        }
        if bindings.positional.len() < unnamed.len() {
            return Err(bad_parameters("Too few parameter values were provided"));
        }
        Ok(())
    }

    /// The name of a parameter without its first character; `None` for `?`.
    fn parameter_name(&self, index: c_int) -> Option<String> {
        // SAFETY: a live statement; SQLite returns null or a string that it owns.
        unsafe {
            let name = ffi::sqlite3_bind_parameter_name(self.raw(), index);
            if name.is_null() {
                return None;
            }
            let name = CStr::from_ptr(name).to_string_lossy();
            (!name.starts_with('?')).then(|| name.chars().skip(1).collect())
        }
    }

    /// Steps to the next row. At the end, returns `None` and resets the statement.
    pub(super) fn step(&mut self) -> Result<Option<Vec<SqlValue>>> {
        self.stepping = true;
        // SAFETY: a live statement of this connection.
        match unsafe { ffi::sqlite3_step(self.raw()) } {
            ffi::SQLITE_ROW => Ok(Some(
                (0..self.columns.len() as c_int)
                    .map(|index| self.value(index))
                    .collect(),
            )),
            ffi::SQLITE_DONE => {
                self.reset();
                Ok(None)
            }
            _ => {
                // SAFETY: a live statement, whose connection is open.
                let error = unsafe { last_error(ffi::sqlite3_db_handle(self.raw())) };
                self.reset();
                Err(error)
            }
        }
    }

    fn value(&self, index: c_int) -> SqlValue {
        // SAFETY: the statement is at a row, `index` is one of its columns, and the bytes are
        // copied before the next step, with the length that SQLite gives for them.
        unsafe {
            let bytes = |start: *const u8| {
                let length = ffi::sqlite3_column_bytes(self.raw(), index) as usize;
                if start.is_null() {
                    Vec::new()
                } else {
                    std::slice::from_raw_parts(start, length).to_vec()
                }
            };
            match ffi::sqlite3_column_type(self.raw(), index) {
                ffi::SQLITE_INTEGER => {
                    SqlValue::Integer(ffi::sqlite3_column_int64(self.raw(), index))
                }
                ffi::SQLITE_FLOAT => SqlValue::Real(ffi::sqlite3_column_double(self.raw(), index)),
                ffi::SQLITE_TEXT => {
                    SqlValue::Text(bytes(ffi::sqlite3_column_text(self.raw(), index)))
                }
                ffi::SQLITE_BLOB => {
                    SqlValue::Blob(bytes(ffi::sqlite3_column_blob(self.raw(), index).cast()))
                }
                _ => SqlValue::Null,
            }
        }
    }
}

/// The connection's last error.
///
/// # Safety
/// `db` must be an open connection.
unsafe fn last_error(db: *mut ffi::sqlite3) -> Error {
    // SAFETY: as the caller promises; the message is a string that SQLite owns until the next
    // call, and it is copied.
    unsafe {
        Error::Sqlite {
            code: crate::store::error::sqlite::name(ffi::sqlite3_extended_errcode(db)),
            message: CStr::from_ptr(ffi::sqlite3_errmsg(db))
                .to_string_lossy()
                .into_owned(),
            system: None,
        }
    }
}

pub(super) fn misuse(class: Class, message: String) -> Error {
    Error::Statement { class, message }
}

fn bad_parameters(message: impl Into<String>) -> Error {
    misuse(Class::RangeError, message.into())
}

/// Copies a string of SQLite's.
///
/// # Safety
/// `raw` must be null or a string that ends in NUL.
unsafe fn text(raw: *const std::ffi::c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    unsafe { (!raw.is_null()).then(|| CStr::from_ptr(raw).to_string_lossy().into_owned()) }
}

/// A connection, and the statements that tools have prepared on it.
pub(crate) struct ToolConnection {
    // Fields are dropped in this order: statements are finalized before their connection closes.
    statements: HashMap<u32, Statement>,
    next_statement: u32,
    connection: OpenConnection,
}

/// The SQL of statements, with which another connection can prepare them again.
pub(crate) struct StatementTexts {
    texts: Vec<(u32, Vec<u8>)>,
    next_statement: u32,
}

impl ToolConnection {
    /// Takes over a connection.
    pub(crate) fn new(connection: OpenConnection) -> ToolConnection {
        ToolConnection {
            statements: HashMap::new(),
            next_statement: 0,
            connection,
        }
    }

    /// Drops the statements and returns the connection.
    pub(super) fn into_connection(self) -> OpenConnection {
        drop(self.statements);
        self.connection
    }

    /// Prepares exactly one statement and returns its number.
    ///
    /// # Errors
    /// SQLite's errors; a `RangeError` for no statement, or more than one.
    pub(super) fn prepare(&mut self, sql: &[u8]) -> Result<u32> {
        let statement = self.prepared(sql)?;
        let id = self.next_statement;
        self.next_statement = self.next_statement.wrapping_add(1);
        self.statements.insert(id, statement);
        Ok(id)
    }

    fn prepared(&self, sql: &[u8]) -> Result<Statement> {
        // SAFETY: the pointer is used only here, while the connection is borrowed.
        let db = unsafe { self.connection.handle() };
        let length = c_int::try_from(sql.len())
            .map_err(|_| misuse(Class::RangeError, "The SQL text is too long".into()))?;
        let mut raw = std::ptr::null_mut();
        let mut tail = std::ptr::null();
        // SAFETY: an open connection, a text with its length, and places for the results.
        let status = unsafe {
            ffi::sqlite3_prepare_v3(
                db,
                sql.as_ptr().cast(),
                length,
                ffi::SQLITE_PREPARE_PERSISTENT,
                &mut raw,
                &mut tail,
            )
        };
        if status != ffi::SQLITE_OK {
            // SAFETY: the connection is open.
            return Err(unsafe { last_error(db) });
        }
        let Some(raw) = NonNull::new(raw) else {
            return Err(misuse(
                Class::RangeError,
                "The supplied SQL string contains no statements".into(),
            ));
        };
        let mut statement = Statement {
            raw,
            columns: Arc::new([]),
            parameters: Vec::new(),
            stepping: false,
        };
        // SAFETY: SQLite leaves `tail` inside the text, or at its end.
        let rest = unsafe { tail.cast::<u8>().offset_from(sql.as_ptr()) } as usize;
        if !is_blank_sql(&sql[rest.min(sql.len())..]) {
            return Err(misuse(
                Class::RangeError,
                "The supplied SQL string contains more than one statement".into(),
            ));
        }
        // SAFETY: a live statement, whose column names SQLite owns and which are copied.
        statement.columns = unsafe {
            (0..ffi::sqlite3_column_count(raw.as_ptr()))
                .map(|index| {
                    text(ffi::sqlite3_column_name(raw.as_ptr(), index)).unwrap_or_default()
                })
                .collect()
        };
        // SAFETY: a live statement.
        let count = unsafe { ffi::sqlite3_bind_parameter_count(raw.as_ptr()) };
        statement.parameters = (1..=count)
            .map(|index| statement.parameter_name(index))
            .collect();
        Ok(statement)
    }

    /// The statement with this number.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none.
    pub(super) fn statement(&mut self, id: u32) -> Result<&mut Statement> {
        let statement = self.statements.get_mut(&id);
        statement.ok_or_else(|| Error::Internal(format!("there is no statement {id}")))
    }

    /// Removes a statement.
    pub(super) fn remove(&mut self, id: u32) -> Option<Statement> {
        self.statements.remove(&id)
    }

    /// Whether rows of a statement are being read.
    pub(super) fn is_iterating(&self) -> bool {
        self.statements.values().any(Statement::is_stepping)
    }

    /// The SQL of all statements.
    pub(super) fn texts(&self) -> StatementTexts {
        let text = |(id, statement): (&u32, &Statement)| {
            let sql = statement.sql().unwrap_or_default();
            (*id, sql.into_bytes())
        };
        StatementTexts {
            texts: self.statements.iter().map(text).collect(),
            next_statement: self.next_statement,
        }
    }

    /// Prepares statements of another connection, with the same numbers.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn restore(&mut self, statements: StatementTexts) -> Result<()> {
        self.next_statement = statements.next_statement;
        for (id, sql) in statements.texts {
            let statement = self.prepared(&sql)?;
            self.statements.insert(id, statement);
        }
        Ok(())
    }

    /// The database as bytes.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn serialize(&mut self) -> Result<Vec<u8>> {
        self.connection.serialize()
    }
}

impl Deref for ToolConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Whether the rest of a script contains only white space, semicolons and comments.
fn is_blank_sql(sql: &[u8]) -> bool {
    let mut rest = sql;
    loop {
        rest = match rest {
            [] => return true,
            [b' ' | b'\t' | b'\n' | b'\r' | 0x0C | b';', tail @ ..] => tail,
            [b'-', b'-', tail @ ..] => after(tail, b"\n"),
            [b'/', b'*', tail @ ..] => after(tail, b"*/"),
            _ => return false,
        }
    }
}

/// The text after the first `mark`; empty if there is none.
fn after<'a>(text: &'a [u8], mark: &[u8]) -> &'a [u8] {
    text.windows(mark.len())
        .position(|window| window == mark)
        .map_or(&[], |at| &text[at + mark.len()..])
}
