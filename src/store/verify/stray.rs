//! Finds items that belong to no span.

use rusqlite::types::Value;
use rusqlite::{Params, params};

use super::check::Check;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::remedy::RESTORE;
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::plural::{agree, plural};
use crate::store::error::Result;

/// Adds one finding for all items of a vat that match `condition`.
pub(super) fn report_strays(
    check: &Check<'_>,
    db: &Database,
    vat_id: &[u8],
    condition: &str,
    params: impl Params,
) -> Result<()> {
    let sql = format!(
        "SELECT COUNT(*), MIN(position), MAX(position) FROM transcriptItems
         WHERE vatID = ? {condition}"
    );
    let outcome = db.peek_row(&sql, params, |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    let place = |finding: Finding| finding.of(vat_id);
    let Some(Some((count, first, last))) = check.tolerate(outcome, place, StoreTable::Items)?
    else {
        return Ok(());
    };
    let (count, first, last): (i64, Value, Value) = (count, first, last);
    if count > 0 {
        let message = format!(
            "{} of vat {}, at positions {} to {}, in no span. Exports omit them, and a span \
             that reaches their positions cannot be written. If a span's record is missing \
             (span-gap), adding it also repairs this. Otherwise: {RESTORE}",
            plural(count, "item"),
            brief(vat_id),
            show(&first),
            show(&last)
        );
        let finding = place(Finding::new(
            FindingKind::StrayItem,
            StoreTable::Items,
            message,
        ));
        check.add(match first {
            Value::Integer(position) => finding.at(position),
            _ => finding,
        });
    }
    Ok(())
}

fn show(position: &Value) -> String {
    match position {
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Null => "NULL".into(),
        Value::Text(_) | Value::Blob(_) => "that are not numbers".into(),
    }
}

/// Adds findings for the items of vats without spans, and for items whose vat ID is not text.
pub(super) fn report_vats_without_spans(check: &Check<'_>, db: &Database) -> Result<()> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        check.go_on()?;
        let op = if after.is_none() { ">=" } else { ">" };
        // One step per vat, regardless of its number of items.
        let sql = format!(
            "SELECT vatID FROM transcriptItems WHERE vatID {op} ? AND vatID < x''
             ORDER BY vatID LIMIT 1"
        );
        let from = after.unwrap_or_default();
        let next = db.peek_row(&sql, params![SqlText(&from)], |row| {
            Ok(row.get_ref(0)?.as_bytes()?.to_vec())
        })?;
        let Some(vat_id) = next else { break };
        let has_spans: Option<i64> = db.peek_value(
            "SELECT 1 FROM transcriptSpans WHERE vatID = ? LIMIT 1",
            params![SqlText(&vat_id)],
        )?;
        if has_spans.is_none() {
            report_strays(check, db, &vat_id, "", params![SqlText(&vat_id)])?;
        }
        after = Some(vat_id);
    }
    // NULL sorts before all text, and blobs after it.
    let nameless: Option<i64> = db.peek_value(
        "SELECT (SELECT COUNT(*) FROM transcriptItems WHERE vatID IS NULL)
              + (SELECT COUNT(*) FROM transcriptItems WHERE vatID >= x'')",
        [],
    )?;
    if let Some(count) = nameless
        && count > 0
    {
        let message = format!(
            "{} {} a vatID that is not text, and {} to no vat. {RESTORE}",
            plural(count, "item"),
            agree(count, "has", "have"),
            agree(count, "belongs", "belong"),
        );
        check.add(Finding::new(
            FindingKind::StrayItem,
            StoreTable::Items,
            message,
        ));
    }
    Ok(())
}
