//! `diff`: compares two stores or exports.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::artifact_mode::Mode;
use crate::cli::terminal::document::{Document, Timed, text};
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::diff::{DiffOptions, DiffReport, Subject, Which, diff_stores};
use crate::store::encoding::plural::{agree, grouped, plural};
use crate::store::encoding::printable::printable;

/// The maximum number of printed characters of a value.
const MOST_CHARS: usize = 240;

/// Compare two stores, two exports, or one of each: records by key, artifacts by name.
///
/// A directory is a store if it holds swingstore.sqlite, and an export if it holds
/// export-manifest.json. A store is read at its last commit; a kernel can use it meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit code is 0 without differences, and 1 with differences. A line starts with < for what only A
has, with > for what only B has, and with ! for what both have with different values.

Examples:
  swing-store diff /var/lib/agoric/data/agoric /other/data/agoric
      where two validators differ
  swing-store diff /backup/export ~/.agoric/data/agoric --contents
      whether an export matches the store, byte for byte
  swing-store diff --json A B | jq '.records'")]
pub struct DiffArgs {
    /// The first directory, of a store or of an export.
    #[arg(value_name = "A")]
    a: PathBuf,

    /// The second directory.
    #[arg(value_name = "B")]
    b: PathBuf,

    /// Which artifacts of a store to compare [default: those of the mode of the other side's export;
    /// all stored ones if both sides are stores].
    #[arg(long, value_name = "MODE", value_enum)]
    artifact_mode: Option<Mode>,

    /// Also compare the bytes of artifacts whose records are equal.
    #[arg(long)]
    contents: bool,

    /// Also compare the keys of two stores that are not exported: host.* and local.*.
    #[arg(long)]
    local_keys: bool,

    /// The maximum number of listed differences; the others are counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// The arguments in the document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The first directory.
    a: String,
    /// The second directory.
    b: String,
}

/// The document.
pub(crate) type Output<'a> = Document<Arguments, Timed<&'a DiffReport>>;

/// Compares.
///
/// # Errors
/// As [`diff_stores`].
pub fn run(args: DiffArgs, session: &Session) -> Result<Outcome> {
    let mode = match args.artifact_mode {
        Some(Mode::None) => {
            return Err(Failure::Usage(
                "--artifact-mode none leaves no artifacts to compare; leave it out".into(),
            ));
        }
        mode => mode.and_then(Mode::artifacts),
    };
    let options = DiffOptions {
        mode,
        contents: args.contents,
        local_keys: args.local_keys,
        limit: args.limit as usize,
    };
    let monitor = session.monitor();
    let begin = Instant::now();
    let report = session.watch("Comparing", &monitor, || {
        diff_stores(&args.a, &args.b, &options, &monitor)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let arguments = Arguments {
        a: text(&args.a),
        b: text(&args.b),
    };
    let document = Output::new("diff", arguments, Timed::new(&report, seconds));
    session.answer(&document, |out| print(out, &report, seconds))?;
    if report.records.is_none() {
        session.note("note: an export without export data has no records to compare");
    }
    if report.artifacts.is_none() {
        session.note("note: an export without artifacts has none to compare");
    }
    Ok(if report.is_same() {
        Outcome::Success
    } else {
        Outcome::Findings
    })
}

/// A value on one line.
fn short(value: &Option<Vec<u8>>) -> String {
    let text = String::from_utf8_lossy(value.as_deref().unwrap_or_default());
    let mut short: String = text.chars().take(MOST_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    printable(&format!("{short:?}")).into_owned()
}

fn print(out: &mut dyn Write, report: &DiffReport, seconds: f64) -> io::Result<()> {
    for difference in &report.differences {
        let sign = match difference.which {
            Which::A => '<',
            Which::B => '>',
            Which::Both => '!',
        };
        let subject = match difference.subject {
            Subject::Record => "record",
            Subject::LocalKey => "local key",
            Subject::Artifact => "artifact",
        };
        write!(
            out,
            "{sign} {subject} {}",
            printable(&String::from_utf8_lossy(&difference.name))
        )?;
        match (&difference.values, &difference.detail) {
            (_, Some(detail)) => writeln!(out, ": {}", printable(detail))?,
            ([a @ Some(_), b @ Some(_)], None) => {
                writeln!(out, "\n    A {}\n    B {}", short(a), short(b))?
            }
            ([Some(_), None], None) => writeln!(out, ": {}", short(&difference.values[0]))?,
            ([None, Some(_)], None) => writeln!(out, ": {}", short(&difference.values[1]))?,
            ([None, None], None) => writeln!(out)?,
        }
    }
    if report.left_out > 0 {
        writeln!(out, "and {}", plural(report.left_out, "more difference"))?;
    }
    for (what, counts) in [
        ("records", report.records),
        ("local keys", report.local_keys),
        ("artifacts", report.artifacts),
    ] {
        let Some(counts) = counts else { continue };
        writeln!(
            out,
            "{what}: {} in A, {} in B; {} only in A, {} only in B, {} not the same",
            grouped(counts.a),
            grouped(counts.b),
            grouped(counts.only_a),
            grouped(counts.only_b),
            grouped(counts.differing),
        )?;
    }
    if report.contents > 0 {
        let contents = plural(report.contents, "artifact");
        let were = agree(report.contents, "was", "were");
        writeln!(out, "{contents} {were} compared byte for byte")?;
    }
    let heights = match report.block_heights {
        [Some(a), Some(b)] => format!(" (block {a} and block {b})"),
        _ => String::new(),
    };
    let outcome = if report.is_same() {
        "Nothing differs"
    } else {
        "They differ"
    };
    writeln!(out, "{outcome}{heights} ({seconds:.1} s)")
}
