//! SQLite's integrity check of the file: pages and indexes.

use super::check::Check;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::remedy::RESTORE;
use crate::store::database::Database;
use crate::store::error::Result;

/// Runs `PRAGMA integrity_check`. The call is long; the connection's progress handler interrupts it
/// when the verification is aborted.
pub(super) fn check_integrity(check: &Check<'_>, db: &Database, limit: usize) -> Result<()> {
    let outcome = run(check, db, limit);
    check.tolerate(outcome, |finding| finding, StoreTable::Database)?;
    Ok(())
}

fn run(check: &Check<'_>, db: &Database, limit: usize) -> Result<()> {
    // One more than the report keeps, so that the report counts at least one as left out.
    let sql = format!("PRAGMA integrity_check({})", limit.saturating_add(1));
    let connection = db.connection()?;
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut number = 0;
    while let Some(row) = rows.next()? {
        let problem = row.get_ref(0)?.as_bytes()?.to_vec();
        for line in problem.split(|byte| *byte == b'\n') {
            // The checks of each table report such marks in more detail.
            if line == b"ok" || line.starts_with(b"CHECK constraint failed in ") {
                continue;
            }
            number += 1;
            let message = format!("SQLite's integrity check says {}. {RESTORE}", brief(line));
            let finding = Finding::new(FindingKind::Integrity, StoreTable::Database, message);
            // Keeps SQLite's order.
            check.add(finding.at(number));
        }
    }
    Ok(())
}
