//! Byte strings as SQL parameters.

use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::store::error::Error;
use crate::store::tasks::limits::value_bytes;

/// WTF-8 as an SQL text.
pub(crate) struct SqlText<'a>(pub &'a [u8]);

/// Bytes as an SQL blob.
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

/// Refuses what is longer than SQLite takes, in the words of the reference, which has others for a
/// value than for a row.
fn check_length(value: &[u8]) -> rusqlite::Result<()> {
    match value.len() <= value_bytes() {
        true => Ok(()),
        false => Err(rusqlite::Error::ToSqlConversionFailure(Box::new(
            Error::TooBig,
        ))),
    }
}
