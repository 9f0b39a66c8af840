//! Whether SQLite takes whatever a store writes.
//!
//! What is buffered is written later, and it would be too late to refuse it then: the call that
//! brought it has succeeded, and been hashed and exported. So only what SQLite can't refuse is
//! buffered: rows that are not too long, into tables with no rules but a store's own. Whoever adds a
//! trigger, a CHECK or an index to a store's table has every row checked as it is written.

use crate::store::database::Database;
use crate::store::database::schema::{Part, normalize_sql};
use crate::store::error::Result;
use crate::store::tasks::limits::value_bytes;

/// The tables that are buffered.
const TABLES: [&str; 3] = ["kvStore", "transcriptSpans", "pendingExports"];

/// What a row, or a record of an index, takes up at most besides its texts.
const ROW_BYTES: usize = 64;

/// Whether no row of so many bytes is too long for SQLite.
pub(super) fn fits(bytes: usize) -> bool {
    bytes.saturating_add(ROW_BYTES) <= value_bytes()
}

impl Database {
    /// Whether SQLite takes every row that is not too long.
    pub(crate) fn has_plain_tables(&self) -> bool {
        let known = self.buffer.borrow().has_plain_tables;
        known.unwrap_or_else(|| {
            // What can't be told is as good as a rule.
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
