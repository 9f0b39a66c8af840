//! SQL of tools: runs their statements and scripts, and notices the effects on the store.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Batch;
use rusqlite::fallible_iterator::FallibleIterator as _;

use super::Database;
use super::tool_statement::{
    Bindings, Changes, Column, SqlValue, Statement, ToolConnection, misuse,
};
use crate::store::error::{Class, Error, Result};
use crate::store::fs::open_files;

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

    /// The connection, for statements of tools. They may need the locks of a checkpoint.
    fn tools(&mut self) -> Result<&mut ToolConnection> {
        self.checkpoint.wait();
        self.connection()?;
        self.connection.as_mut().ok_or(Error::DatabaseClosed)
    }

    fn statement(&mut self, id: u32) -> Result<&mut Statement> {
        self.tools()?.statement(id)
    }

    fn is_iterating(&self) -> bool {
        let tools = self.connection.as_ref();
        tools.is_some_and(ToolConnection::is_iterating)
    }

    /// Prepares exactly one statement and returns its number.
    ///
    /// # Errors
    /// SQLite's errors; a `RangeError` for no statement, or more than one.
    pub fn prepare_statement(&mut self, sql: &[u8]) -> Result<u32> {
        self.tools()?.prepare(sql)
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
        Ok(self.statement(id)?.column_names())
    }

    /// The columns of the statement's result.
    pub fn statement_columns(&mut self, id: u32) -> Result<Vec<Column>> {
        Ok(self.statement(id)?.columns())
    }

    /// Runs a statement and discards its rows.
    ///
    /// # Errors
    /// A `TypeError` while rows are being read.
    pub fn run_statement(&mut self, id: u32, bindings: &Bindings) -> Result<Changes> {
        self.check_may_write(id)?;
        self.check_not_stepping(id)?;
        self.flush_all()?;
        let before = self.connection()?.total_changes();
        let statement = self.statement(id)?;
        let result = statement
            .bind(bindings)
            .and_then(|()| statement.step().map(drop));
        let sql = statement.sql();
        statement.reset();
        self.after_tool_sql();
        result?;
        self.notice_effects(sql.as_deref());
        let connection = self.connection()?;
        let has_changed = connection.total_changes() != before;
        let changes = if has_changed { connection.changes() } else { 0 };
        Ok(Changes {
            changes: changes.cast_signed(),
            last_insert_rowid: connection.last_insert_rowid(),
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
        let statement = self.statement(id)?;
        let mut rows = Vec::new();
        let mut outcome = Ok(());
        while rows.len() < limit {
            match statement.step() {
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
        statement.start(bindings)
    }

    /// The next row of a started statement; `None` at the end and after it.
    pub fn step_statement(&mut self, id: u32) -> Result<Option<Vec<SqlValue>>> {
        let statement = self.statement(id)?;
        if !statement.is_stepping() {
            return Ok(None);
        }
        self.flush_all()?;
        if !self.statement(id)?.is_readonly() {
            self.before_tool_sql();
        }
        let row = self.statement(id)?.step();
        self.after_tool_sql();
        row
    }

    /// Stops reading a statement's rows.
    pub fn stop_statement(&mut self, id: u32) {
        let tools = self.connection.as_mut();
        if let Some(statement) = tools.and_then(|tools| tools.statement(id).ok()) {
            statement.reset();
            // While the statement was being read, all reads saw the same commit.
            self.after_tool_sql();
        }
    }

    /// Drops a statement.
    pub fn drop_statement(&mut self, id: u32) {
        let tools = self.connection.as_mut();
        let dropped = tools.and_then(|tools| tools.remove(id));
        if dropped.is_some_and(|statement| statement.is_stepping()) {
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
        if self.statement(id)?.is_stepping() {
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
