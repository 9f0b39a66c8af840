//! `verify`: checks a store's hashes, records and completeness.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::HumanBytes;

use crate::cli::arguments::artifact_mode::Needed;
use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, HistoryArguments, Timed};
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::plural::{grouped, plural};
use crate::store::encoding::printable;
use crate::store::transfer::history_source::HistorySource;
use crate::store::verify::{Report, VerifyOptions, verify_store};

/// Search a store for damaged and missing data, without changing anything.
///
/// In any mode, every stored span, snapshot and bundle is checked against its hash. The records and
/// the file itself are checked, too. A kernel can use the store meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit code is 0 without findings, and 1 with findings.

Examples:
  swing-store verify
      whether ~/.agoric/data/agoric has everything that a kernel needs, undamaged
  swing-store verify --home /var/lib/agoric --artifact-mode archival
      also whether it has all history
  swing-store verify --artifact-mode archival --history-from s3://bucket/agoric-3
      whether the store and an archive have all history together
  swing-store verify --json --no-integrity-check | jq -r '.findings[].artifact'")]
pub struct VerifyArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// What must be present.
    #[arg(long, value_name = "MODE", default_value = "operational", value_enum)]
    artifact_mode: Needed,

    /// Also check what the mode requires and the store has pruned, in this place: a directory with an
    /// archive or an export; or a URL s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH,
    /// https://HOST/PATH or file:///DIRECTORY.
    #[arg(long, value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    history_from: Option<PathBuf>,

    /// Skip SQLite's own check of the file, which reads the whole file on one thread.
    #[arg(long)]
    no_integrity_check: bool,

    /// The maximum number of listed findings of each kind; the others are counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// The document.
pub(crate) type Output<'a> = Document<HistoryArguments, Timed<&'a Report>>;

/// Verifies.
///
/// # Errors
/// As [`verify_store`].
pub fn run(args: VerifyArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    if args.history_from.is_some() {
        let mode = Some(args.artifact_mode.mode());
        HistorySource::check_mode(mode).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let options = VerifyOptions {
        mode: args.artifact_mode.mode(),
        history_from: args.history_from.clone(),
        integrity_check: !args.no_integrity_check,
        findings_per_kind: args.limit as usize,
    };
    let monitor = session.monitor();
    let begin = Instant::now();
    let report = session.watch("Verifying", &monitor, || {
        verify_store(&store, &options, &monitor)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let arguments = HistoryArguments::new(&store, args.history_from.as_deref());
    let place = args.history_from.as_deref();
    let document = Output::new("verify", arguments, Timed::new(&report, seconds));
    session.answer(&document, |out| print(out, &report, place, seconds))?;
    Ok(if report.is_sound() {
        Outcome::Success
    } else {
        Outcome::Findings
    })
}

/// A text from a store without characters that a terminal interprets.
fn printable(name: &[u8]) -> String {
    printable::printable(&String::from_utf8_lossy(name)).into_owned()
}

/// A count with its noun, in a column of counts.
fn aligned(count: u64, noun: &str) -> String {
    let text = plural(count, noun);
    let digits = grouped(count).len();
    let width = text.len() + 9_usize.saturating_sub(digits);
    format!("{text:>width$}")
}

fn print(
    out: &mut dyn Write,
    report: &Report,
    history_from: Option<&Path>,
    seconds: f64,
) -> io::Result<()> {
    for finding in &report.findings {
        let severity = finding.severity().name();
        write!(out, "{severity}: {}", finding.kind.name())?;
        if let Some(artifact) = &finding.artifact {
            write!(out, ": {}", printable(artifact))?;
        } else if let Some(table) = finding.table.name() {
            write!(out, ": {table}")?;
            if let Some(id) = &finding.id {
                write!(out, " {}", printable(id))?;
            }
        }
        writeln!(out, ": {}", printable::printable(&finding.message))?;
    }
    for (kind, count) in &report.left_out {
        writeln!(out, "and {} more of {}", grouped(*count), kind.name())?;
    }
    let totals = report.totals;
    for (what, tally) in [
        ("span", totals.spans),
        ("snapshot", totals.snapshots),
        ("bundle", totals.bundles),
    ] {
        writeln!(
            out,
            "{}: {} checked ({}), {} pruned",
            aligned(tally.total, what),
            grouped(tally.checked),
            HumanBytes(tally.bytes),
            grouped(tally.pruned),
        )?;
    }
    if let (Some(count), Some(place)) = (report.elsewhere, history_from) {
        let place = printable::printable(&place.to_string_lossy()).into_owned();
        let artifacts = aligned(count, "pruned artifact");
        writeln!(out, "{artifacts}: checked in {place}")?;
    }
    writeln!(out, "{}", aligned(totals.items, "item"))?;
    writeln!(out, "{}", aligned(totals.keys, "key"))?;
    let height = report
        .block_height
        .map_or(String::new(), |height| format!(" of block {height}"));
    let mode = report.mode.name();
    match report.count() {
        0 => writeln!(
            out,
            "Nothing is wrong with the store{height}, in mode {mode} ({seconds:.1} s)"
        ),
        count => writeln!(
            out,
            "{} in the store{height}, in mode {mode} ({seconds:.1} s)",
            plural(count, "finding")
        ),
    }
}
