//! Checks the kvStore, and the pending changes of the export data.

use rusqlite::types::ValueRef;

use super::check::{Check, is_hash, text};
use super::finding::{Finding, FindingKind, StoreTable, brief};
use crate::store::database::Database;
use crate::store::error::Result;
use crate::store::substores::crank::ACTIVITYHASH;

/// Checks every key and value.
pub(super) fn check_keys(check: &Check<'_>, db: &Database) -> Result<()> {
    for table in [StoreTable::Kv, StoreTable::PendingExports] {
        if check.has(table) {
            let outcome = check_table(check, db, table);
            check.tolerate(outcome, |finding| finding, table)?;
        }
    }
    if check.has(StoreTable::Kv) {
        let outcome = check_activityhash(check, db);
        check.tolerate(outcome, |finding| finding.of(ACTIVITYHASH), StoreTable::Kv)?;
    }
    Ok(())
}

fn check_table(check: &Check<'_>, db: &Database, table: StoreTable) -> Result<()> {
    let name = table.name().unwrap_or_default();
    let sql = format!("SELECT key, value FROM {name}");
    let mut statement = db.connection()?.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut keys = 0;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let (key, value) = (row.get_ref(0)?, row.get_ref(1)?);
        keys += 1;
        let Some(key_text) = text(key) else {
            check.bad_value(table, "key", key, "a text", |finding| finding);
            continue;
        };
        bytes += key_text.len();
        let place = |finding: Finding| finding.of(key_text);
        check.check_unicode("the key", key_text, place, table);
        match value {
            ValueRef::Text(value) => {
                bytes += value.len();
                if std::str::from_utf8(value).is_err() {
                    let what = format!("the value of the key {}, which is", brief(key_text));
                    check.check_unicode(&what, value, place, table);
                }
            }
            // A deleted key, which is also a pending change.
            ValueRef::Null if table == StoreTable::PendingExports => {}
            other => check.bad_value(table, "value", other, "a text", place),
        }
        if bytes >= 1 << 18 {
            check.monitor.count(bytes)?;
            check.go_on()?;
            bytes = 0;
        }
    }
    check.monitor.count(bytes)?;
    check.count(|totals| match table {
        StoreTable::Kv => totals.keys = keys,
        _ => totals.pending_exports = keys,
    });
    Ok(())
}

/// Checks the kernel's activityhash, which every crank extends.
fn check_activityhash(check: &Check<'_>, db: &Database) -> Result<()> {
    let found = db.kv_get(ACTIVITYHASH, |value| value.map(<[u8]>::to_vec))?;
    if let Some(hash) = found
        && !hash.is_empty()
        && !is_hash(&hash)
    {
        let message = format!(
            "the activityhash is {}, and should be 64 hexadecimal digits. The next crank would \
             compute a different hash than all other validators; restore the store",
            brief(&hash)
        );
        let finding = Finding::new(FindingKind::BadActivityhash, StoreTable::Kv, message);
        check.add(finding.of(ACTIVITYHASH));
    }
    Ok(())
}
