//! Checks whether a database is a store that this package can read and write.

use std::path::Path;

use super::Database;
use super::locate::{FILE_NAME, explain, no_store, other_database};
use super::schema::Part;
use super::schema_check::{Harm, SchemaDifference, differences};
use crate::store::error::{Error, Result};

impl Database {
    /// Whether a table exists.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn has_table(&self, name: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?";
        Ok(self.peek_value::<i64>(sql, [name])?.is_some())
    }

    /// Fails if this database, found in `directory`, has no key-value table, which every store has.
    ///
    /// # Errors
    /// [`Error::NoStore`]; SQLite's errors.
    pub(crate) fn check_is_store(&self, directory: &Path) -> Result<()> {
        let is_store = self.has_table("kvStore");
        if is_store.map_err(|error| explain(error, directory))? {
            Ok(())
        } else {
            Err(other_database(directory, "the table kvStore"))
        }
    }

    /// Fails if a table of these parts lacks a column. A missing table is accepted, because it is
    /// created later. Writes nothing.
    ///
    /// # Errors
    /// SQLite's error, with the reference's message, such as `no such column: incarnation`.
    pub(crate) fn check_columns(&self, parts: &[Part]) -> Result<()> {
        let connection = self.connection()?;
        for sql in parts.iter().flat_map(|part| part.probes()) {
            match connection.prepare(sql).map(drop).map_err(Error::from) {
                Err(Error::Sqlite { message, .. }) if message.starts_with("no such table") => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Like [`Database::check_columns`], for functions that the reference does not have.
    ///
    /// # Errors
    /// [`Error::NoStore`], which says what is missing; SQLite's errors.
    pub(crate) fn check_columns_of(&self, directory: &Path, parts: &[Part]) -> Result<()> {
        self.check_columns(parts).map_err(|error| match error {
            Error::Sqlite {
                code: "SQLITE_ERROR",
                message,
                ..
            } => no_store(
                directory,
                format!(
                    "its {} has tables of another version ({message}), which @agoric/swing-store \
                     cannot open either. Nothing was changed. Restore the store from a more recent \
                     backup or with state-sync",
                    FILE_NAME
                ),
            ),
            other => other,
        })
    }

    /// Fails if one of a store's tables is a view or has generated columns, or if the schema may
    /// change or refuse a store's writes. `check_columns` runs before the second check, so its
    /// error, which may be the reference's, takes precedence.
    ///
    /// # Errors
    /// [`Error::Schema`]; those of `check_columns`; SQLite's errors.
    pub(crate) fn check_writable(
        &self,
        check_columns: impl FnOnce(&Database) -> Result<()>,
    ) -> Result<()> {
        let differences = differences(self.connection()?)?;
        self.refuse(&differences, Harm::Reads)?;
        check_columns(self)?;
        self.refuse(&differences, Harm::Writes)
    }

    /// Fails if one of a store's tables is a view or has generated columns.
    ///
    /// # Errors
    /// [`Error::Schema`]; SQLite's errors.
    pub(crate) fn check_tables(&self) -> Result<()> {
        self.refuse(&differences(self.connection()?)?, Harm::Reads)
    }

    fn refuse(&self, differences: &[SchemaDifference], least: Harm) -> Result<()> {
        match differences.iter().find(|found| found.harm >= least) {
            None => Ok(()),
            Some(found) => Err(Error::Schema {
                file: self.file().map(Path::to_owned),
                problem: found.message.clone(),
            }),
        }
    }
}
