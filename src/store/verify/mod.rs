//! Verification: whether a store is what its hashes say, and has what it should have.
//!
//! Everything is read as of one commit, from connections that only read, while a kernel may go
//! on. One thread walks over the records and looks whether they fit together (`transcripts`,
//! `snapshots`, `bundles`); the others check contents (`jobs`). What is wrong becomes a
//! [`Finding`], and the work goes on; what keeps the work from being done is an error. A part of
//! the file that can't be read is a finding, too.
//!
//! Findings come from several threads and are given in order. Of each kind only the first ones are
//! kept, and the others counted, so that a store full of faults does not fill the memory.

mod bundles;
mod check;
mod finding;
mod findings;
mod integrity;
mod jobs;
mod kernel_vats;
mod keys;
mod links;
mod remedy;
mod report;
mod schema;
mod snapshots;
mod span;
mod stray;
#[cfg(test)]
mod tests;
mod transcripts;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde::Deserialize;

pub use finding::{Finding, FindingKind, Severity, StoreTable};
pub use report::{Report, Tally, Totals};

use crate::store::database::Database;
use crate::store::database::hints::WithFile;
use crate::store::database::read_view::ReadView;
use crate::store::encoding::fields;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::{lock, parallel};
use crate::store::transfer::directory::{HEIGHT_KEY, parse_height};
use check::Check;
use findings::Findings;
use jobs::Job;
use remedy::Remedies;

/// What to verify.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct VerifyOptions {
    /// What has to be there. In `debug` nothing has: what is there is checked.
    #[serde(rename = "artifactMode")]
    pub mode: ArtifactMode,
    /// Whether to run SQLite's own check of the file.
    pub integrity_check: bool,
    /// How many findings of each kind are listed.
    #[serde(deserialize_with = "fields::count")]
    pub findings_per_kind: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        VerifyOptions {
            mode: ArtifactMode::Operational,
            integrity_check: true,
            findings_per_kind: 1000,
        }
    }
}

/// Verifies the last commit of the store in `directory`, without changing anything.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::Aborted`]; SQLite's errors that say nothing about the store,
/// such as `SQLITE_BUSY`.
pub fn verify_store(
    directory: &Path,
    options: &VerifyOptions,
    monitor: &Monitor,
) -> Result<Report> {
    // One thread more than there are cores walks over the records.
    let outcome = verify(directory, options, monitor, parallel::threads() + 1);
    // Whatever SQLite was doing when it was interrupted, this is the reason.
    monitor.check()?;
    let report = outcome.with_store(directory)?;
    monitor.begin(Stage::Done);
    Ok(report)
}

/// Verifies by so many threads; by one alone if others commit all the time.
fn verify(
    directory: &Path,
    options: &VerifyOptions,
    monitor: &Monitor,
    threads: usize,
) -> Result<Report> {
    monitor.check()?;
    let stop = Arc::new(AtomicBool::new(false));
    let connections = ReadView::open(directory, threads, monitor, &stop)?.into_connections();
    let mut check = Check {
        mode: options.mode,
        remedies: Remedies::new(directory, options.mode),
        findings: Findings::new(options.findings_per_kind.max(1)),
        monitor,
        stop,
        tables: HashSet::new(),
        totals: Mutex::default(),
    };
    let first = connections
        .first()
        .ok_or_else(|| Error::Internal("no connection".into()))?;
    let schema = schema::check_schema(&check, first)?;
    check.tables = schema.tables;
    let block_height = match check.has(StoreTable::Kv) {
        true => block_height(&check, first)?,
        false => None,
    };
    let pieces = count_pieces(&check, first)?;
    monitor.set_total(pieces);
    monitor.begin(Stage::Working);
    let mut incomplete = None;
    jobs::run(&check, connections, |db, send| {
        // The longest first.
        // SQLite's check evaluates what is declared, which may take forever if that is a stranger's.
        if options.integrity_check && schema.is_harmless {
            send(Job::Integrity(options.findings_per_kind.max(1)))?;
        } else {
            monitor.finish_piece();
        }
        walk(&check, db, send)?;
        incomplete = ask_export(&check, db)?;
        Ok(())
    })?;
    monitor.begin(Stage::Finishing);
    // What an export could say is found by the other checks, and told better. Should one of them
    // have missed it, this has not.
    if let Some(finding) = incomplete
        && !check.findings.has_errors()
    {
        check.add(finding);
    }
    // What could not be read was not counted.
    for _ in monitor.progress().done..pieces as u64 {
        monitor.finish_piece();
    }
    let (findings, left_out) = check.findings.finish();
    Ok(Report {
        mode: options.mode,
        block_height,
        findings,
        left_out,
        totals: lock::unlocked(check.totals),
    })
}

/// A way over the records of one table.
type Walk = fn(&Check<'_>, &Database, &mut dyn FnMut(Job) -> Result<()>) -> Result<()>;

fn walk(check: &Check<'_>, db: &Database, send: &mut dyn FnMut(Job) -> Result<()>) -> Result<()> {
    let walks: [(StoreTable, Walk); 3] = [
        (StoreTable::Snapshots, snapshots::walk),
        (StoreTable::Bundles, bundles::walk),
        (StoreTable::Spans, transcripts::walk),
    ];
    send(Job::Keys)?;
    for (table, walk) in walks {
        if check.has(table) {
            check.tolerate(walk(check, db, send), |finding| finding, table)?;
        }
    }
    Ok(())
}

/// Asks what an export would ask before it begins.
fn ask_export(check: &Check<'_>, db: &Database) -> Result<Option<Finding>> {
    let all = [
        StoreTable::Spans,
        StoreTable::Items,
        StoreTable::Snapshots,
        StoreTable::Bundles,
    ];
    let may_ask = all.into_iter().all(|table| check.has(table));
    if check.mode == ArtifactMode::Debug || !may_ask {
        return Ok(None);
    }
    let outcome = db
        .check_bundles(check.mode)
        .and_then(|()| db.check_transcripts(check.mode))
        .and_then(|()| db.check_snapshots(check.mode));
    let message = match outcome {
        Ok(()) => return Ok(None),
        Err(error @ Error::Sqlite { .. }) => {
            check
                .tolerate(Err(error), |finding| finding, StoreTable::Database)
                .map(|_: Option<()>| ())?;
            return Ok(None);
        }
        Err(error) => format!(
            "an export in mode {} would fail: {error}",
            check.mode.name()
        ),
    };
    Ok(Some(Finding::new(
        FindingKind::Incomplete,
        StoreTable::Database,
        message,
    )))
}

/// The height of the last committed block, as the host has it.
fn block_height(check: &Check<'_>, db: &Database) -> Result<Option<f64>> {
    let found = db.kv_get(HEIGHT_KEY, parse_height);
    let found = check.tolerate(found, |finding| finding.of(HEIGHT_KEY), StoreTable::Kv)?;
    Ok(found.flatten())
}

/// How many pieces there are to check: records, the kvStore, and the file.
fn count_pieces(check: &Check<'_>, db: &Database) -> Result<usize> {
    let mut pieces = 2;
    for table in [
        StoreTable::Spans,
        StoreTable::Snapshots,
        StoreTable::Bundles,
    ] {
        if !check.has(table) {
            continue;
        }
        let sql = format!("SELECT COUNT(*) FROM {}", table.name().unwrap_or_default());
        match db.peek_value::<i64>(&sql, []) {
            Ok(count) => pieces += count.unwrap_or(0).max(0) as usize,
            // What can't be counted now is reported when it is read.
            Err(Error::Sqlite { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pieces)
}
