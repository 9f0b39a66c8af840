//! Statements of tools, which run their own SQL and step through rows one call at a time.
//!
//! rusqlite's statements borrow their connection, and its rows borrow their statement, so neither
//! can be kept between calls from JavaScript. This module holds SQLite's statement pointers
//! instead. All of the crate's `unsafe` use of SQLite is here and in `wal_version`.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::{Batch, ffi};

use super::Database;
use crate::store::error::{Class, Error, Result};
use crate::store::fs::open_files;

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

/// A prepared statement. It belongs to the [`Database`] whose table of statements holds it, and is
/// used only while that database is borrowed.
pub(crate) struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    columns: Arc<[String]>,
    /// The parameters' names without their first character; `None` for `?`.
    parameters: Vec<Option<String>>,
    stepping: bool,
}

// SAFETY: the pointer is used only through `&mut Database` (see `Database::statement`), so by one
// thread at a time, which is what SQLite requires of a connection without its own mutex.
unsafe impl Send for Statement {}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: the pointer came from sqlite3_prepare_v3 and is finalized once, here. The
        // connection is still open: a database drops its statements before its connection.
        unsafe { ffi::sqlite3_finalize(self.raw.as_ptr()) };
    }
}

impl Statement {
    fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.raw.as_ptr()
    }

    fn returns_data(&self) -> bool {
        !self.columns.is_empty()
    }

    fn is_readonly(&self) -> bool {
        // SAFETY: a live statement.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw()) != 0 }
    }

    fn reset(&mut self) {
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
    fn bind(&mut self, bindings: &Bindings) -> Result<()> {
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
    fn step(&mut self, db: *mut ffi::sqlite3) -> Result<Option<Vec<SqlValue>>> {
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
                // SAFETY: the connection is open.
                let error = unsafe { last_error(db) };
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

fn misuse(class: Class, message: String) -> Error {
    Error::Statement { class, message }
}

fn bad_parameters(message: impl Into<String>) -> Error {
    misuse(Class::RangeError, message.into())
}

/// Whether a statement may be an `ATTACH`, a word that occurs near its start.
fn may_attach(sql: &str) -> bool {
    let words = sql.as_bytes().windows(6).take(4096);
    words
        .into_iter()
        .any(|word| word.eq_ignore_ascii_case(b"attach"))
}

fn busy() -> Error {
    misuse(
        Class::TypeError,
        "This database connection is busy executing a query".into(),
    )
}

impl Database {
    /// Fails if the connection cannot be closed and reopened: in a transaction, or while a
    /// statement is being read.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub(crate) fn check_can_reopen(&self) -> Result<()> {
        if self.is_iterating() {
            return Err(busy());
        }
        if self.in_transaction() {
            let problem = "something was written before commit() completed: wait for its promise";
            return Err(misuse(Class::Error, problem.into()));
        }
        Ok(())
    }

    /// Finalizes all statements, so that the connection can be closed, and returns their numbers
    /// and SQL.
    pub(crate) fn take_statements(&mut self) -> Vec<(u32, Vec<u8>)> {
        self.statements
            .drain()
            .map(|(id, statement)| {
                // SAFETY: a live statement, whose text SQLite owns and which is copied.
                let sql = unsafe { text(ffi::sqlite3_sql(statement.raw())) };
                (id, sql.unwrap_or_default().into_bytes())
            })
            .collect()
    }

    /// Prepares statements again, with the same numbers.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn restore_statements(&mut self, statements: Vec<(u32, Vec<u8>)>) -> Result<()> {
        for (id, sql) in statements {
            let fresh = self.prepare_statement(&sql)?;
            if let Some(statement) = self.statements.remove(&fresh) {
                self.statements.insert(id, statement);
            }
        }
        Ok(())
    }

    fn handle(&self) -> Result<*mut ffi::sqlite3> {
        // SAFETY: the pointer is used only within this module, while `self` is borrowed.
        Ok(unsafe { self.connection()?.handle() })
    }

    fn statement(&mut self, id: u32) -> Result<&mut Statement> {
        self.connection()?;
        self.statements
            .get_mut(&id)
            .ok_or(Error::Internal(format!("there is no statement {id}")))
    }

    fn is_iterating(&self) -> bool {
        self.statements.values().any(|statement| statement.stepping)
    }

    /// Prepares exactly one statement and returns its number.
    ///
    /// # Errors
    /// SQLite's errors; a `RangeError` for no statement, or more than one.
    pub fn prepare_statement(&mut self, sql: &[u8]) -> Result<u32> {
        let db = self.handle()?;
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
        let id = self.next_statement;
        self.next_statement = self.next_statement.wrapping_add(1);
        self.statements.insert(id, statement);
        Ok(id)
    }

    /// Whether the statement returns rows.
    pub fn statement_returns_data(&mut self, id: u32) -> Result<bool> {
        Ok(self.statement(id)?.returns_data())
    }

    /// Whether the statement writes nothing.
    pub fn statement_is_readonly(&mut self, id: u32) -> Result<bool> {
        Ok(self.statement(id)?.is_readonly())
    }

    /// The names of the statement's result columns.
    pub fn statement_column_names(&mut self, id: u32) -> Result<Arc<[String]>> {
        Ok(self.statement(id)?.columns.clone())
    }

    /// The columns of the statement's result.
    pub fn statement_columns(&mut self, id: u32) -> Result<Vec<Column>> {
        let statement = self.statement(id)?;
        let raw = statement.raw();
        // SAFETY: a live statement; the strings are SQLite's, or null, and are copied.
        Ok(unsafe {
            (0..statement.columns.len() as c_int)
                .map(|index| Column {
                    name: text(ffi::sqlite3_column_name(raw, index)).unwrap_or_default(),
                    column: text(ffi::sqlite3_column_origin_name(raw, index)),
                    table: text(ffi::sqlite3_column_table_name(raw, index)),
                    database: text(ffi::sqlite3_column_database_name(raw, index)),
                    decl_type: text(ffi::sqlite3_column_decltype(raw, index)),
                })
                .collect()
        })
    }

    /// Runs a statement and discards its rows.
    ///
    /// # Errors
    /// A `TypeError` while rows are being read.
    pub fn run_statement(&mut self, id: u32, bindings: &Bindings) -> Result<Changes> {
        let db = self.handle()?;
        self.check_may_write(id)?;
        self.check_not_stepping(id)?;
        self.flush_all()?;
        // SAFETY: the connection is open.
        let before = unsafe { ffi::sqlite3_total_changes64(db) };
        let statement = self.statement(id)?;
        let result = statement
            .bind(bindings)
            .and_then(|()| statement.step(db).map(drop));
        // SAFETY: a live statement, whose text SQLite owns and which is copied.
        let sql = unsafe { text(ffi::sqlite3_sql(statement.raw())) };
        statement.reset();
        self.after_tool_sql();
        result?;
        self.notice_effects(sql.as_deref());
        // SAFETY: the connection is open.
        Ok(unsafe {
            Changes {
                changes: if ffi::sqlite3_total_changes64(db) == before {
                    0
                } else {
                    ffi::sqlite3_changes64(db)
                },
                last_insert_rowid: ffi::sqlite3_last_insert_rowid(db),
            }
        })
    }

    /// Runs a statement and returns its first `limit` rows.
    ///
    /// # Errors
    /// A `TypeError` if it returns no rows, or if its rows are being read.
    pub fn query_statement(
        &mut self,
        id: u32,
        bindings: &Bindings,
        limit: usize,
    ) -> Result<Vec<Vec<SqlValue>>> {
        self.start_statement(id, bindings)?;
        let db = self.handle()?;
        let statement = self.statement(id)?;
        let mut rows = Vec::new();
        let mut outcome = Ok(());
        while rows.len() < limit {
            match statement.step(db) {
                Ok(Some(row)) => rows.push(row),
                Ok(None) => break,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        statement.reset();
        self.after_tool_sql();
        outcome.map(|()| rows)
    }

    /// Prepares a statement for [`Database::step_statement`].
    ///
    /// # Errors
    /// Those of [`Database::query_statement`].
    pub fn start_statement(&mut self, id: u32, bindings: &Bindings) -> Result<()> {
        let statement = self.statement(id)?;
        if !statement.returns_data() {
            return Err(misuse(
                Class::TypeError,
                "This statement does not return data. Use run() instead".into(),
            ));
        }
        self.check_not_stepping(id)?;
        self.check_may_write(id)?;
        self.flush_all()?;
        let statement = self.statement(id)?;
        statement
            .bind(bindings)
            .inspect_err(|_| statement.reset())?;
        statement.stepping = true;
        Ok(())
    }

    /// The next row of a started statement; `None` at the end and after it.
    pub fn step_statement(&mut self, id: u32) -> Result<Option<Vec<SqlValue>>> {
        let db = self.handle()?;
        let statement = self.statement(id)?;
        if !statement.stepping {
            return Ok(None);
        }
        self.flush_all()?;
        if !self.statement(id)?.is_readonly() {
            self.before_tool_sql();
        }
        let row = self.statement(id)?.step(db);
        self.after_tool_sql();
        row
    }

    /// Stops reading a statement's rows.
    pub fn stop_statement(&mut self, id: u32) {
        if let Some(statement) = self.statements.get_mut(&id) {
            statement.reset();
            // While the statement was being read, all reads saw the same commit.
            self.after_tool_sql();
        }
    }

    /// Drops a statement.
    pub fn drop_statement(&mut self, id: u32) {
        let dropped = self.statements.remove(&id);
        if dropped.is_some_and(|statement| statement.stepping) {
            self.after_tool_sql();
        }
    }

    /// Runs a script of a tool.
    ///
    /// # Errors
    /// A `TypeError` while a statement is being read; SQLite's errors.
    pub fn execute_script(&mut self, sql: &str) -> Result<()> {
        self.connection()?;
        if self.is_iterating() {
            return Err(busy());
        }
        // Run one statement at a time, because each may roll back to one of the crank's savepoints.
        let mut script = Batch::new(self.connection()?, sql);
        loop {
            self.flush_all()?;
            self.before_tool_sql();
            let mut one = || {
                let Some(mut statement) = script.next()? else {
                    return Ok(None);
                };
                let sql = statement.expanded_sql();
                let mut rows = statement.raw_query();
                while rows.next()?.is_some() {}
                Ok(Some(sql))
            };
            let done: rusqlite::Result<_> = one();
            self.after_tool_sql();
            match done? {
                Some(sql) => self.notice_effects(sql.as_deref()),
                None => return Ok(()),
            }
        }
    }

    /// Records that a tool's statement rolled back to one of the crank's savepoints, released it,
    /// or attached a file.
    fn notice_effects(&self, sql: Option<&str>) {
        if sql.is_some_and(may_attach) {
            let files = self.peek_rows("PRAGMA database_list", [], |row| row.get::<_, String>(2));
            // A file that cannot be listed is not recorded, and may be attributed to another
            // library.
            let files: Vec<_> = files.into_iter().flatten().map(PathBuf::from).collect();
            open_files::adopt(&files);
        }
        match sql.and_then(crank_savepoint) {
            Some((Control::RollbackTo, ordinal)) => self.tool_rolled_back_to(ordinal),
            Some((Control::Release, ordinal)) => self.tool_released(ordinal),
            None => {}
        }
    }

    fn check_not_stepping(&mut self, id: u32) -> Result<()> {
        if self.statement(id)?.stepping {
            let message = "This statement is busy executing a query";
            return Err(misuse(Class::TypeError, message.into()));
        }
        Ok(())
    }

    /// Refuses a write while rows are being read, and saves items for span readers.
    fn check_may_write(&mut self, id: u32) -> Result<()> {
        let statement = self.statement(id)?;
        let (is_readonly, returns_data) = (statement.is_readonly(), statement.returns_data());
        if !is_readonly && self.is_iterating() {
            return Err(busy());
        }
        // SQLite classifies ROLLBACK as read-only.
        if !is_readonly || !returns_data {
            self.before_tool_sql();
        }
        Ok(())
    }
}

/// Copies a string of SQLite's.
///
/// # Safety
/// `raw` must be null or a string that ends in NUL.
unsafe fn text(raw: *const std::ffi::c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    unsafe { (!raw.is_null()).then(|| CStr::from_ptr(raw).to_string_lossy().into_owned()) }
}

/// The effect of a statement on a savepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    RollbackTo,
    Release,
}

/// The effect of a statement on one of the crank's savepoints, and the savepoint's ordinal.
fn crank_savepoint(sql: &str) -> Option<(Control, usize)> {
    let first = sql.trim_start().get(..1)?;
    // A quick check that excludes most statements. Comments may precede the first word.
    if !["r", "R", "-", "/"].contains(&first) {
        return None;
    }
    let sql = without_comments(sql);
    let mut words = sql
        .split(|c: char| c == ';' || c.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .filter(|word| !["transaction", "savepoint"].contains(&word.as_str()));
    let control = match words.next()?.as_str() {
        "release" => Control::Release,
        "rollback" if words.next()? == "to" => Control::RollbackTo,
        _ => return None,
    };
    let name = words.next()?;
    let name = name.trim_matches(['"', '`', '[', ']', '\'']);
    Some((control, name.strip_prefix('t')?.parse().ok()?))
}

/// Replaces the comments of a statement of transaction control with spaces.
fn without_comments(sql: &str) -> String {
    let mut kept = String::new();
    let mut rest = sql;
    while let Some(at) = ["--", "/*"].iter().filter_map(|mark| rest.find(mark)).min() {
        kept.push_str(&rest[..at]);
        kept.push(' ');
        let end = if rest[at..].starts_with("--") {
            "\n"
        } else {
            "*/"
        };
        let length = rest[at..]
            .find(end)
            .map_or(rest.len() - at, |length| length + end.len());
        rest = &rest[at + length..];
    }
    kept + rest
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::{Location, OpenOptions, SharedDatabase};

    fn memory() -> SharedDatabase {
        SharedDatabase::open(Location::Memory, &OpenOptions::default()).expect("a database")
    }

    fn positional(values: &[SqlValue]) -> Bindings {
        Bindings {
            positional: values.to_vec(),
            named: None,
        }
    }

    #[test]
    fn values_of_every_type_survive() {
        let shared = memory();
        let mut db = shared.lock();
        db.execute_script("CREATE TABLE t (a, b, c, d, e)").unwrap();
        let values = [
            SqlValue::Null,
            SqlValue::Integer(i64::MIN),
            SqlValue::Real(0.5),
            SqlValue::Text(b"a\0b".to_vec()),
            SqlValue::Blob(Vec::new()),
        ];
        let insert = db
            .prepare_statement(b"INSERT INTO t VALUES (?, ?, ?, ?, ?)")
            .unwrap();
        let changes = db.run_statement(insert, &positional(&values)).unwrap();
        assert_eq!(changes.changes, 1);
        let select = db.prepare_statement(b"SELECT * FROM t").unwrap();
        let rows = db
            .query_statement(select, &Bindings::default(), usize::MAX)
            .unwrap();
        assert_eq!(rows, [values.to_vec()]);
    }

    #[test]
    fn misuse_is_refused_with_a_message() {
        let shared = memory();
        let mut db = shared.lock();
        let message = |result: Result<u32>| result.unwrap_err().to_string();
        assert!(message(db.prepare_statement(b" -- nothing")).contains("no statements"));
        assert!(message(db.prepare_statement(b"SELECT 1; SELECT 2")).contains("more than one"));
        assert!(
            db.prepare_statement(b"SELECT 1; -- fine\n /* too */ ;")
                .is_ok()
        );
        let one = db.prepare_statement(b"SELECT ? AS x").unwrap();
        for values in [&[][..], &[SqlValue::Null, SqlValue::Null][..]] {
            assert!(db.query_statement(one, &positional(values), 1).is_err());
        }
        let create = db.prepare_statement(b"CREATE TABLE t (a)").unwrap();
        assert!(db.query_statement(create, &Bindings::default(), 1).is_err());
        assert!(db.prepare_statement(b"SELECT nothing").is_err());
    }

    #[test]
    fn the_cranks_savepoints_are_recognized_in_a_tools_sql() {
        let back = |ordinal| Some((Control::RollbackTo, ordinal));
        for (sql, expected) in [
            ("ROLLBACK TO t0", back(0)),
            (" rollback transaction to savepoint T12 ;", back(12)),
            ("-- well\nROLLBACK/* now */TO \"t1\"", back(1)),
            ("/* a */ -- b\n ROLLBACK TO [t3]; -- c", back(3)),
            ("RELEASE t0", Some((Control::Release, 0))),
            ("RELEASE SAVEPOINT `t4`;", Some((Control::Release, 4))),
            ("ROLLBACK", None),
            ("ROLLBACK TO other", None),
            ("RELEASE tx", None),
            ("SAVEPOINT t0", None),
            ("", None),
            ("-- nothing", None),
            ("/* nothing", None),
            ("\u{e9}", None),
        ] {
            assert_eq!(crank_savepoint(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_script_waits_until_rows_are_read() {
        let shared = memory();
        let mut db = shared.lock();
        let select = db.prepare_statement(b"SELECT 1 UNION SELECT 2").unwrap();
        db.start_statement(select, &Bindings::default()).unwrap();
        assert!(db.step_statement(select).unwrap().is_some());
        assert!(db.execute_script("CREATE TABLE t (a)").is_err());
        db.stop_statement(select);
        assert!(db.execute_script("CREATE TABLE t (a)").is_ok());
        assert!(db.step_statement(select).unwrap().is_none());
    }

    #[test]
    fn a_closed_database_has_no_statements() {
        let shared = memory();
        let mut db = shared.lock();
        let select = db.prepare_statement(b"SELECT 1").unwrap();
        db.close();
        assert!(matches!(
            db.step_statement(select),
            Err(Error::DatabaseClosed)
        ));
        assert!(matches!(
            db.prepare_statement(b"SELECT 1"),
            Err(Error::DatabaseClosed)
        ));
    }
}
