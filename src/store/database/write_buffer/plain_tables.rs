//! Whether SQLite accepts every row that a store buffers.
//!
//! A buffered row is written after the call that set it has returned, and after it was hashed and
//! exported. SQLite must not refuse it then. So a row is buffered only if it is not too long, and
//! only while the tables have no constraints, indexes or triggers other than a store's own. If a
//! tool adds some, every row is written immediately.

use crate::store::database::Database;
use crate::store::database::schema::{Part, normalize_sql};
use crate::store::error::Result;
use crate::store::records::names::RECORD_PREFIX;
use crate::store::tasks::limits::value_bytes;

/// The buffered tables.
const TABLES: [&str; 3] = ["kvStore", "transcriptSpans", "pendingExports"];

/// Maximum size of a row or an index record, without its texts.
const ROW_BYTES: usize = 64;

/// Whether a row of this many bytes is short enough for SQLite.
pub(super) fn fits(bytes: usize) -> bool {
    bytes.saturating_add(ROW_BYTES) <= value_bytes()
}

/// Whether an entry whose key and value have this many bytes, and its change of the export data, are
/// short enough.
pub(super) fn entry_fits(bytes: usize) -> bool {
    fits(bytes.saturating_add(RECORD_PREFIX.len()))
}

/// Whether the span of a vat whose ID has this many bytes, and its change of the export data, are
/// short enough. The record contains the ID, up to six times as long when escaped, and a hash.
pub(super) fn span_fits(vat_id_bytes: usize) -> bool {
    fits(vat_id_bytes.saturating_mul(6).saturating_add(400))
}

impl Database {
    /// Whether the buffered tables have only a store's own constraints, so that SQLite accepts
    /// every row that is not too long.
    pub(crate) fn has_plain_tables(&self) -> bool {
        let known = self.buffer.borrow().has_plain_tables;
        known.unwrap_or_else(|| {
            // If the schema cannot be read, assume constraints.
            let has_plain_tables = self.has_only_own_rules().unwrap_or(false);
            self.buffer.borrow_mut().has_plain_tables = Some(has_plain_tables);
            has_plain_tables
        })
    }

    fn has_only_own_rules(&self) -> Result<bool> {
        let of_temp = self.peek_value::<i64>("SELECT 1 FROM sqlite_temp_schema LIMIT 1", [])?;
        if of_temp.is_some() {
            return Ok(false);
        }
        let found: Vec<(String, String, String)> = self.peek_rows(
            "SELECT type, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let own: String = Part::ALL.map(|part| normalize_sql(part.sql())).join(";") + ";";
        let own = own.replace("ifnotexists", "");
        Ok(found.iter().all(|(kind, table, sql)| {
            let is_ours = TABLES.iter().any(|name| name.eq_ignore_ascii_case(table));
            kind != "trigger" && (!is_ours || own.contains(&(normalize_sql(sql) + ";")))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_up_to_the_length_of_a_value() {
        let most = value_bytes() - ROW_BYTES;
        assert!(fits(0) && fits(most));
        assert!(!fits(most + 1) && !fits(usize::MAX));
        assert!(entry_fits(most - 3) && !entry_fits(most - 2));
        assert!(!entry_fits(usize::MAX));
        let longest_id = (most - 400) / 6;
        assert!(span_fits(longest_id) && !span_fits(longest_id + 1));
        assert!(!span_fits(usize::MAX));
    }
}
