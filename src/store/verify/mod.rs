//! Verification: checks that a store's contents match its hashes and that nothing it needs is missing.
//!
//! All reads see one commit, through read-only connections, so a kernel may keep running. One
//! thread walks the records and checks that they are consistent (`transcripts`, `snapshots`,
//! `bundles`); the other threads check contents (`jobs`). Each problem becomes a [`Finding`] and
//! the verification continues; an error means that it could not be carried out. An unreadable part
//! of the file is also a finding.
//!
//! Several threads add findings; the report sorts them. It keeps a limited number of each kind and
//! counts the rest, which bounds memory.

mod bundles;
mod check;
mod elsewhere;
mod finding;
mod findings;
mod frames;
mod integrity;
mod jobs;
mod kernel_vats;
mod keys;
mod links;
mod look_elsewhere;
mod remedy;
mod report;
mod schema;
mod snapshots;
mod span;
mod span_job;
mod stray;
#[cfg(test)]
mod tests;
mod transcripts;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
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
use crate::store::fs::read_ahead::ReadAhead;
use crate::store::records::mode::ArtifactMode;
use crate::store::tasks::monitor::{Monitor, Stage};
use crate::store::tasks::{lock, parallel};
use crate::store::transfer::directory::{HEIGHT_KEY, parse_height};
use crate::store::transfer::history_source::HistorySource;
use check::Check;
use elsewhere::Elsewhere;
use findings::Findings;
use jobs::Job;
use remedy::Remedies;

/// Options of a verification.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct VerifyOptions {
    /// The contents that must be present. Mode `debug` requires none, but checks all that exist.
    #[serde(rename = "artifactMode")]
    pub mode: ArtifactMode,
    /// Where to check what the mode needs and the store has pruned: a path or a URL. Each artifact is
    /// compared with the hash in the store.
    pub history_from: Option<PathBuf>,
    /// Whether to run SQLite's integrity check.
    pub integrity_check: bool,
    /// How many findings of each kind the report lists.
    #[serde(deserialize_with = "fields::count")]
    pub findings_per_kind: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        VerifyOptions {
            mode: ArtifactMode::Operational,
            history_from: None,
            integrity_check: true,
            findings_per_kind: 1000,
        }
    }
}

/// Verifies the last commit of the store in `directory` without changing the store.
///
/// # Errors
/// [`Error::NoStore`]; [`Error::Aborted`]; SQLite errors that do not indicate damage, such as
/// `SQLITE_BUSY`; [`Error::BadArgument`] if the mode needs no history that could be elsewhere;
/// [`Error::Remote`] if the other place fails.
pub fn verify_store(
    directory: &Path,
    options: &VerifyOptions,
    monitor: &Monitor,
) -> Result<Report> {
    // The thread that walks the records is in addition to one per core.
    let outcome = verify(directory, options, monitor, parallel::threads() + 1);
    // An interrupted SQLite call returns its own error; the reason is the abort.
    monitor.check()?;
    let report = outcome.with_store(directory)?;
    monitor.begin(Stage::Done);
    Ok(report)
}

/// Verifies with this many threads, or with one if other processes commit too often.
fn verify(
    directory: &Path,
    options: &VerifyOptions,
    monitor: &Monitor,
    threads: usize,
) -> Result<Report> {
    monitor.check()?;
    let elsewhere = match &options.history_from {
        Some(place) => {
            HistorySource::check_mode(Some(options.mode))?;
            Some(Elsewhere::new(HistorySource::parse(place)?))
        }
        None => None,
    };
    let threads = match &elsewhere {
        // Threads that fetch mostly wait.
        Some(elsewhere) => threads.max(elsewhere.threads()? + 1),
        None => threads,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let connections = ReadView::open(directory, threads, monitor, &stop)?.into_connections();
    let mut check = Check {
        mode: options.mode,
        remedies: Remedies::new(directory, options.mode),
        findings: Findings::new(options.findings_per_kind.max(1)),
        elsewhere,
        monitor,
        stop,
        tables: HashSet::new(),
        totals: Mutex::default(),
    };
    let first = connections
        .first()
        .ok_or_else(|| Error::Internal("no connection".into()))?;
    // The checks read all pages, those of items in the order of the spans. With a tenth of mainnet's
    // history in the order of time and nothing in the page cache, this saved a sixth of the time.
    let _read_ahead = first.file().map(ReadAhead::start);
    let schema = schema::check_schema(&check, first)?;
    check.tables = schema.tables;
    let block_height = if check.has(StoreTable::Kv) {
        block_height(&check, first)?
    } else {
        None
    };
    let pieces = count_pieces(&check, first)?;
    monitor.set_total(pieces);
    monitor.begin(Stage::Working);
    let mut incomplete = None;
    jobs::run(&check, connections, |db, send| {
        // The integrity check takes longest, so it starts first. It evaluates the schema's
        // expressions, which may never finish if a store did not declare them.
        if options.integrity_check && schema.is_harmless {
            send(Job::Integrity(options.findings_per_kind.max(1)))?;
        } else {
            monitor.finish_piece();
        }
        walk_records(&check, db, send)?;
        incomplete = ask_export(&check, db)?;
        Ok(())
    })?;
    monitor.begin(Stage::Finishing);
    // The other checks describe what makes an export fail in more detail. This finding covers what
    // they missed.
    if let Some(finding) = incomplete
        && !check.findings.has_errors()
    {
        check.add(finding);
    }
    // Records that could not be read were not counted.
    for _ in monitor.progress().done..pieces as u64 {
        monitor.finish_piece();
    }
    let (findings, left_out) = check.findings.finish();
    Ok(Report {
        mode: options.mode,
        block_height,
        findings,
        left_out,
        elsewhere: check.elsewhere.as_ref().map(Elsewhere::found),
        totals: lock::unlocked(check.totals),
    })
}

fn walk_records(
    check: &Check<'_>,
    db: &Database,
    send: &mut dyn FnMut(Job) -> Result<()>,
) -> Result<()> {
    send(Job::Keys)?;
    for table in [
        StoreTable::Snapshots,
        StoreTable::Bundles,
        StoreTable::Spans,
    ] {
        if !check.has(table) {
            continue;
        }
        let outcome = match table {
            StoreTable::Snapshots => {
                snapshots::walk(check, db, &mut |job| send(Job::Snapshot(job)))
            }
            StoreTable::Bundles => bundles::walk(check, db, &mut |job| send(Job::Bundle(job))),
            _ => transcripts::walk(check, db, &mut |job| send(Job::Span(job))),
        };
        check.tolerate(outcome, |finding| finding, table)?;
    }
    Ok(())
}

/// Runs the checks with which an export starts.
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
    let outcome = if check.elsewhere.is_some() {
        db.absent(check.mode)
            .and_then(|absent| db.check_all_with(check.mode, &absent))
    } else {
        db.check_all(check.mode)
    };
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

/// The height of the last committed block, as the host recorded it.
fn block_height(check: &Check<'_>, db: &Database) -> Result<Option<f64>> {
    let found = db.kv_get(HEIGHT_KEY, parse_height);
    let found = check.tolerate(found, |finding| finding.of(HEIGHT_KEY), StoreTable::Kv)?;
    Ok(found.flatten())
}

/// The number of pieces to check: each record, the kvStore, and the file.
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
            // Reading the table reports the failure later.
            Err(Error::Sqlite { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pieces)
}
