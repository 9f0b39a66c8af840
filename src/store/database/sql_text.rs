//! Byte strings as SQL parameters.

use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::store::error::Error;
use crate::store::tasks::limits::value_bytes;

/// WTF-8 bytes bound as an SQL text.
pub(crate) struct SqlText<'a>(pub &'a [u8]);

/// Bytes bound as an SQL blob.
pub(crate) struct SqlBlob<'a>(pub &'a [u8]);

impl rusqlite::ToSql for SqlText<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        check_length(self.0)?;
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

impl rusqlite::ToSql for SqlBlob<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        check_length(self.0)?;
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0)))
    }
}

/// Refuses values that are too long for SQLite, with the reference's message for values, which
/// differs from SQLite's message for rows.
fn check_length(value: &[u8]) -> rusqlite::Result<()> {
    if value.len() <= value_bytes() {
        Ok(())
    } else {
        let error = Box::new(Error::TooBig);
        Err(rusqlite::Error::ToSqlConversionFailure(error))
    }
}
