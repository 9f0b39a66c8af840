//! `prune`: deletes old history.

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use indicatif::HumanBytes;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, Timed, text};
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::database::shared_writer::TransactionStats;
use crate::store::encoding::plural::{agree, grouped, plural};
use crate::store::encoding::printable::printable;
use crate::store::maintenance::prune::{DEFAULT_BUDGET, PruneOptions, Pruned, prune_into};
use crate::store::places::Place;
use crate::store::records::mode::ArtifactMode;

/// The end of the message for failed work that `did` a part.
pub(crate) fn partly_done(did: &str) -> String {
    format!("Before that, it {did}. These changes are kept; run the same command again to continue")
}

/// The maximum number of printed names; the document has all.
const SHOWN: usize = 10;

/// What to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kept {
    /// Only what is always kept: current spans and snapshots in use
    Operational,
    /// Every span of each vat's current incarnation, and what is always kept
    Replay,
    /// Every span of vats that are not terminated, and what is always kept
    Archival,
    /// Everything
    Debug,
}

impl Kept {
    fn mode(self) -> ArtifactMode {
        match self {
            Kept::Operational => ArtifactMode::Operational,
            Kept::Replay => ArtifactMode::Replay,
            Kept::Archival => ArtifactMode::Archival,
            Kept::Debug => ArtifactMode::Debug,
        }
    }
}

/// Delete the contents of old spans and snapshots, and keep their hashes.
///
/// A kernel can use the store meanwhile; it waits for milliseconds. After an interruption, another run
/// continues. Deleted history can only be restored from a copy, by repopulate: run archive first. The
/// file does not shrink, but SQLite reuses its free pages; see reclaim.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit code is 1 if something was kept because the archive of --archived-in lacks it.

Examples:
  swing-store prune --keep operational --dry-run
      how much history can be deleted
  swing-store prune --keep replay
      keep the spans of current incarnations, and what a kernel needs to run
  swing-store prune --keep operational --archived-in s3://bucket/agoric-3
      delete only what an archive has
  swing-store prune --keep-transcripts debug --keep-snapshots operational
      keep all transcripts, delete unused snapshots")]
pub struct PruneArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// What to keep: everything that an export in this mode contains.
    #[arg(long, value_name = "MODE", value_enum)]
    #[arg(required_unless_present_all = ["keep_transcripts", "keep_snapshots"])]
    keep: Option<Kept>,

    /// Which spans to keep [default: those of --keep]; debug keeps all.
    #[arg(long, value_name = "MODE", value_enum)]
    keep_transcripts: Option<Kept>,

    /// Which snapshots to keep [default: those of --keep]; debug keeps all.
    #[arg(long, value_name = "MODE", value_enum)]
    keep_snapshots: Option<Kept>,

    /// The maximum number of items to delete in one transaction.
    #[arg(long, value_name = "ITEMS", default_value_t = DEFAULT_BUDGET)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    budget: u64,

    /// The maximum number of items to delete in total, rounded to a whole span [default: no limit].
    #[arg(long, value_name = "ITEMS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Delete only what this archive has: a directory or a URL, as of repopulate --from. Each artifact is
    /// read there, and checked against the hash in the store.
    #[arg(long, value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    archived_in: Option<PathBuf>,

    /// Only print what would be deleted.
    #[arg(long)]
    dry_run: bool,
}

/// The arguments in the document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Arguments {
    /// The directory of the store.
    state_dir: String,
    /// What was kept.
    keep: Keep,
    /// The archive that has what was deleted: a directory or a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_in: Option<String>,
    /// Whether the report says what would be deleted.
    dry_run: bool,
}

/// What a prune kept.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Keep {
    /// The mode whose spans were kept.
    transcripts: ArtifactMode,
    /// The mode whose snapshots were kept.
    snapshots: ArtifactMode,
}

/// The document.
pub(crate) type Output<'a> = Document<Arguments, Timed<&'a Pruned>>;

/// Prunes.
///
/// # Errors
/// As [`prune`](crate::store::maintenance::prune::prune).
pub fn run(args: PruneArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let kept = |mode: Option<Kept>| -> Result<ArtifactMode> {
        let missing = || Failure::Usage("say what stays: give --keep".into());
        mode.or(args.keep).map(Kept::mode).ok_or_else(missing)
    };
    let options = PruneOptions {
        keep_transcripts: kept(args.keep_transcripts)?,
        keep_snapshots: kept(args.keep_snapshots)?,
        budget: args.budget,
        limit: args.limit,
        dry_run: args.dry_run,
    };
    let archive = args.archived_in.as_deref().map(Place::parse).transpose()?;
    let monitor = session.monitor();
    let begin = Instant::now();
    let mut pruned = Pruned::default();
    session
        .watch("Pruning", &monitor, || {
            prune_into(&store, &options, archive.as_ref(), &monitor, &mut pruned)
        })
        .map_err(|error| match pruned.items + pruned.snapshots {
            0 => Failure::Store(error),
            _ => Failure::Begun(error, partly_done(&format!("deleted {}", what(&pruned)))),
        })?;
    let seconds = begin.elapsed().as_secs_f64();
    let arguments = Arguments {
        state_dir: text(&store),
        keep: Keep {
            transcripts: options.keep_transcripts,
            snapshots: options.keep_snapshots,
        },
        archived_in: archive.as_ref().map(Place::to_string),
        dry_run: args.dry_run,
    };
    let document = Output::new("prune", arguments, Timed::new(&pruned, seconds));
    session.answer(&document, |out| {
        let what = what(&pruned);
        if args.dry_run {
            writeln!(out, "Would delete {what}")?;
            return tell_unarchived(out, &pruned);
        }
        writeln!(out, "Deleted {what} in {seconds:.1} s")?;
        tell_unarchived(out, &pruned)?;
        if !pruned.done {
            writeln!(out, "There is more to delete: run it again")?;
        }
        writeln!(
            out,
            "Of {}, {} are free now and will be used again",
            HumanBytes(pruned.space.file_bytes),
            HumanBytes(pruned.space.free_bytes),
        )?;
        tell_locking(out, pruned.transaction_stats)
    })?;
    Ok(if pruned.unarchived_count == 0 {
        Outcome::Success
    } else {
        Outcome::Findings
    })
}

/// Prints what was kept because the archive lacks it.
fn tell_unarchived(out: &mut dyn std::io::Write, pruned: &Pruned) -> std::io::Result<()> {
    let count = pruned.unarchived_count;
    if count == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "Kept {} that {} not archived:",
        grouped(count),
        agree(count, "is", "are")
    )?;
    for kept in pruned.unarchived.iter().take(SHOWN) {
        let name = String::from_utf8_lossy(&kept.name);
        writeln!(out, "  {}: {}", printable(&name), printable(&kept.reason))?;
    }
    match count.saturating_sub(SHOWN as u64) {
        0 => Ok(()),
        rest => writeln!(out, "  and {} more", grouped(rest)),
    }
}

/// Describes what was deleted.
fn what(pruned: &Pruned) -> String {
    format!(
        "{} of {}, and the contents of {} ({})",
        plural(pruned.items, "item"),
        plural(pruned.spans, "span"),
        plural(pruned.snapshots, "snapshot"),
        HumanBytes(pruned.snapshot_bytes),
    )
}

/// Prints how the lock was held and waited for.
pub(crate) fn tell_locking(
    out: &mut dyn std::io::Write,
    done: TransactionStats,
) -> std::io::Result<()> {
    if done.transactions == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "{}, the longest of {:.1} ms; waited {:.1} s for others",
        plural(done.transactions, "transaction"),
        done.longest.as_secs_f64() * 1000.0,
        done.waited.as_secs_f64(),
    )
}
