//! SQLite's own check of the file: that pages and indexes fit together.

use super::check::Check;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::remedy::RESTORE;
use crate::store::database::Database;
use crate::store::error::Result;

/// Runs `PRAGMA integrity_check`. It is one long call, which the connection's progress handler
/// ends when the work is to end.
pub(super) fn check_integrity(check: &Check<'_>, db: &Database, limit: usize) -> Result<()> {
    let outcome = run(check, db, limit);
    check.tolerate(outcome, |finding| finding, StoreTable::Database)?;
    Ok(())
}

fn run(check: &Check<'_>, db: &Database, limit: usize) -> Result<()> {
    // One more than is kept, so that it shows that there are more.
    let sql = format!("PRAGMA integrity_check({})", limit.saturating_add(1));
    let connection = db.connection()?;
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut number = 0;
    while let Some(row) = rows.next()? {
        let problem = row.get_ref(0)?.as_bytes()?.to_vec();
        for line in problem.split(|byte| *byte == b'\n') {
            // Marks that break a CHECK are found, and told better, where their table is looked at.
            if line == b"ok" || line.starts_with(b"CHECK constraint failed in ") {
                continue;
            }
            number += 1;
            let message = format!("SQLite's integrity check says {}. {RESTORE}", brief(line));
            let finding = Finding::new(FindingKind::Integrity, StoreTable::Database, message);
            // In the order in which SQLite has them.
            check.add(finding.at(number));
        }
    }
    Ok(())
}
