//! Checks that each bundle matches its ID, with the checks of an import.

use rusqlite::types::ValueRef;

use super::check::{Check, check_id, text};
use super::elsewhere::Found;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use crate::store::database::Database;
use crate::store::error::Result;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::substores::bundles::{BundleContents, check_bundle_artifact};
use crate::store::transfer::history_source::Wanted;

/// A bundle whose contents have to be checked.
pub(super) struct BundleJob {
    row: i64,
    id: Vec<u8>,
}

/// Checks all records, and sends those that have contents.
pub(super) fn walk(
    check: &Check<'_>,
    db: &Database,
    send: &mut dyn FnMut(BundleJob) -> Result<()>,
) -> Result<()> {
    let mut statement = db
        .connection()?
        .prepare("SELECT rowid, bundleID, bundle IS NULL FROM bundles ORDER BY bundleID")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        check.go_on()?;
        check.count(|totals| totals.bundles.total += 1);
        let id = row.get_ref(1)?;
        let Some(id_text) = text(id) else {
            check.bad_value(StoreTable::Bundles, "bundleID", id, "a text", |finding| {
                finding
            });
            check.monitor.finish_piece();
            continue;
        };
        check_id(check, "bundle ID", id_text, StoreTable::Bundles);
        if !row.get(2)? {
            let (row, id) = (row.get(0)?, id_text.to_vec());
            send(BundleJob { row, id })?;
            continue;
        }
        check.count(|totals| totals.bundles.pruned += 1);
        let wanted = Wanted::Bundle(names::bundle_name(id_text));
        let about_this = |finding| place(finding, id_text);
        if check.mode != ArtifactMode::Debug
            && check.look_elsewhere(&wanted, StoreTable::Bundles, about_this)? == Found::Nothing
        {
            let message = format!(
                "bundle {} has no contents{}, and an export in mode {} needs all bundles. {}",
                brief(id_text),
                check.nor_elsewhere(),
                check.mode.name(),
                check.remedies.fill()
            );
            check.add(about(FindingKind::BundlePruned, id_text, message));
        }
        check.monitor.finish_piece();
    }
    Ok(())
}

fn about(kind: FindingKind, id: &[u8], message: String) -> Finding {
    place(Finding::new(kind, StoreTable::Bundles, message), id)
}

fn place(finding: Finding, id: &[u8]) -> Finding {
    finding.of(id).artifact(names::bundle_name(id))
}

/// Checks a bundle's contents.
pub(super) fn check_bundle(check: &Check<'_>, db: &Database, job: &BundleJob) -> Result<()> {
    let outcome = check_contents(check, db, job);
    check.tolerate(
        outcome,
        |finding| place(finding, &job.id),
        StoreTable::Bundles,
    )?;
    check.monitor.finish_piece();
    Ok(())
}

fn check_contents(check: &Check<'_>, db: &Database, job: &BundleJob) -> Result<()> {
    let mut statement = db.prepare_directly("SELECT bundle FROM bundles WHERE rowid = ?")?;
    let mut rows = statement.query([job.row])?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    let value = row.get_ref(0)?;
    let (is_text, bytes) = match value {
        ValueRef::Text(bytes) => (true, bytes),
        ValueRef::Blob(bytes) => (false, bytes),
        other => {
            let wanted = "the bundle's JSON text or archive";
            let remedy = check.remedies.replace();
            check.bad_contents(
                StoreTable::Bundles,
                "bundle",
                other,
                wanted,
                &remedy,
                |finding| place(finding, &job.id),
            );
            return Ok(());
        }
    };
    check.monitor.count(bytes.len())?;
    check.count(|totals| {
        totals.bundles.checked += 1;
        totals.bundles.bytes += bytes.len() as u64;
    });
    let advice = format!(
        "It cannot be imported, and may run the wrong code. {}",
        check.remedies.replace()
    );
    let message = match check_bundle_artifact(&names::bundle_name(&job.id), bytes.to_vec()) {
        Err(error) => format!(
            "the contents do not match bundle {}: {error}. {advice}",
            brief(&job.id)
        ),
        Ok(BundleContents::Script(text)) if text != bytes => format!(
            "bundle {} is not stored in the form that its hash is computed from. {advice}",
            brief(&job.id)
        ),
        Ok(contents) => {
            if is_text != matches!(contents, BundleContents::Script(_)) {
                let wanted = if is_text { "a blob" } else { "a text" };
                let remedy = check.remedies.replace();
                check.bad_contents(
                    StoreTable::Bundles,
                    "bundle",
                    value,
                    wanted,
                    &remedy,
                    |finding| place(finding, &job.id),
                );
            }
            return Ok(());
        }
    };
    check.add(about(FindingKind::BundleInvalid, &job.id, message));
    Ok(())
}
