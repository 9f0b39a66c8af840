//! `reclaim`: returns free space in the file to the file system.

use std::time::Instant;

use clap::ValueEnum;
use indicatif::HumanBytes;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, Timed, text};
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::maintenance::reclaim::{Method, Reclaimed, reclaim, space};

/// How to make the file smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReclaimMethod {
    /// Rewrite the file, while nobody else has the store open
    Rewrite,
    /// Truncate free pages while a kernel runs; only for a file with auto_vacuum, which stores do not
    /// have
    Incremental,
}

/// Return the space that pruning has freed to the file system.
///
/// Most stores do not need this: SQLite reuses free pages. To rewrite the file, stop the kernel.
/// Rewriting reads the content once and writes it twice, and needs disk space for both copies: in
/// SQLite's temporary directory (SQLITE_TMPDIR, TMPDIR or /var/tmp), and next to the store.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store reclaim --dry-run
      how much space is free
  systemctl stop agd; swing-store reclaim --home /var/lib/agoric; systemctl start agd")]
pub struct ReclaimArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// How to make the file smaller.
    #[arg(long, value_name = "METHOD", default_value = "rewrite", value_enum)]
    method: ReclaimMethod,

    /// Only print how much is free.
    #[arg(long)]
    dry_run: bool,
}

/// The arguments in the document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Arguments {
    /// The directory of the store.
    state_dir: String,
    /// How the file was made smaller.
    method: Method,
    /// Whether the report only says how much is free.
    dry_run: bool,
}

/// The document.
pub(crate) type Output<'a> = Document<Arguments, Timed<&'a Reclaimed>>;

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
    let arguments = Arguments {
        state_dir: text(&store),
        method,
        dry_run: args.dry_run,
    };
    let document = Output::new("reclaim", arguments, Timed::new(&reclaimed, seconds));
    session.answer(&document, |out| {
        let size = HumanBytes(before.file_bytes);
        if args.dry_run {
            let free = HumanBytes(before.free_bytes);
            return writeln!(out, "Of {size}, {free} are free");
        }
        let now = HumanBytes(after.file_bytes);
        writeln!(
            out,
            "The file had {size} and has {now} now; it took {seconds:.1} s"
        )
    })?;
    Ok(Outcome::Success)
}
