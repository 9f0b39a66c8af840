//! Measures SQLite's integrity check.

use rusqlite::{Connection, OpenFlags};

use crate::clock::{Figures, time};
use crate::{Outcome, bytes};

/// Reads a database once, in the order of the file, and then runs SQLite's integrity check. Without
/// the first, the check reads a file that is not in the page cache in random order.
pub fn check(database: &str) -> Outcome<Figures> {
    time(|| {
        let bytes = bytes::read_all(database)?;
        let connection = Connection::open_with_flags(
            database,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let outcome: String =
            connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if outcome == "ok" {
            Ok(bytes)
        } else {
            Err(outcome.into())
        }
    })
}
