//! `reclaim`: a smaller file.

use std::time::Instant;

use clap::ValueEnum;
use indicatif::HumanBytes;
use serde_json::json;

use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document;
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::maintenance::reclaim::{Method, Reclaimed, reclaim, space};

/// How to make the file smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReclaimMethod {
    /// Write all of it anew, while nobody else has the store open
    Rewrite,
    /// Cut off free pages, beside a kernel; only for files made with auto_vacuum, which stores' are
    /// not
    Incremental,
}

/// Give the space that pruning has freed back to the file system.
///
/// Without this it stays in the file, where SQLite uses it again, which is all that most stores
/// need. Rewriting needs the kernel stopped, time for reading and writing all that is in the store
/// twice, and room for it: once in SQLite's temporary directory (SQLITE_TMPDIR, TMPDIR or
/// /var/tmp), and once beside the store.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store reclaim --dry-run
      how much there is to be had
  systemctl stop agd; swing-store reclaim --home /var/lib/agoric; systemctl start agd")]
pub struct ReclaimArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// How to do it.
    #[arg(long, value_name = "METHOD", default_value = "rewrite", value_enum)]
    method: ReclaimMethod,

    /// Only say how much is free.
    #[arg(long)]
    dry_run: bool,
}

/// Reclaims.
///
/// # Errors
/// As [`reclaim`].
pub fn run(args: ReclaimArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let method = match args.method {
        ReclaimMethod::Rewrite => Method::Rewrite,
        ReclaimMethod::Incremental => Method::Incremental,
    };
    let monitor = session.monitor();
    let begin = Instant::now();
    let reclaimed = session.watch("Reclaiming", &monitor, || {
        if !args.dry_run {
            return reclaim(&store, method, &monitor);
        }
        space(&store, &monitor).map(Reclaimed::unchanged)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let Reclaimed { before, after, .. } = reclaimed;
    let arguments = json!({
        "stateDir": store.to_string_lossy(),
        "method": method,
        "dryRun": args.dry_run,
    });
    let document = document::of_report("reclaim", arguments, &reclaimed, Some(seconds))?;
    session.answer(&document, |out| match args.dry_run {
        true => writeln!(
            out,
            "Of {}, {} are free",
            HumanBytes(before.file_bytes),
            HumanBytes(before.free_bytes),
        ),
        false => writeln!(
            out,
            "The file had {} and has {} now; it took {seconds:.1} s",
            HumanBytes(before.file_bytes),
            HumanBytes(after.file_bytes),
        ),
    })?;
    Ok(Outcome::Success)
}
