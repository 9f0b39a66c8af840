//! `compact` and `expand`: compress history, and turn it back into rows.

use std::path::Path;
use std::time::Instant;

use indicatif::HumanBytes;
use schemars::JsonSchema;
use serde::Serialize;

use super::prune::{partly_done, tell_locking};
use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, Timed, text};
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::plural::{agree, plural};
use crate::store::encoding::printable::printable;
use crate::store::error;
use crate::store::maintenance::compact::{CompactOptions, Compacted, compact_into};
use crate::store::maintenance::expand::expand_into;
use crate::store::tasks::monitor::Monitor;

/// What both commands work on.
#[derive(Debug, clap::Args)]
struct Which {
    #[command(flatten)]
    store: StateDirArgs,

    /// The vat whose history to work on [default: all vats].
    #[arg(long, value_name = "VAT")]
    vat: Option<String>,

    /// The maximum number of items in total, rounded to a whole span [default: no limit].
    #[arg(long, value_name = "ITEMS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Only print what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Compress the items of old spans in the store, to about a tenth of their size.
///
/// A kernel can use the store meanwhile; it waits for milliseconds. After an interruption, another run
/// continues. All commands of this program read compressed spans; @agoric/swing-store runs on such a
/// store and takes them for pruned. The file does not shrink, but SQLite reuses its free pages; see
/// reclaim.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store compact --dry-run
      how much history can be compressed
  swing-store compact
      compress all of it
  swing-store compact --limit 1000000
      a part each night")]
pub struct CompactArgs {
    #[command(flatten)]
    which: Which,
}

/// Turn compressed spans back into rows, which @agoric/swing-store reads.
///
/// The opposite of compact. A kernel can use the store meanwhile; it waits for milliseconds. After an
/// interruption, another run continues. The file grows by the size of the items.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store expand
      before going back to @agoric/swing-store with all of the history
  swing-store expand --vat v7
      the history of one vat")]
pub struct ExpandArgs {
    #[command(flatten)]
    which: Which,
}

/// The arguments in the document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Arguments {
    /// The directory of the store.
    state_dir: String,
    /// The vat whose history was worked on; `null` for all vats.
    #[serde(rename = "vatID")]
    vat_id: Option<String>,
    /// Whether the report says what would be done.
    dry_run: bool,
}

/// The document.
pub(crate) type Output<'a> = Document<Arguments, Timed<&'a Compacted>>;

/// The words for one of the commands.
struct Words {
    name: &'static str,
    doing: &'static str,
    done: &'static str,
}

/// `compact_into` or `expand_into`.
type Work = fn(&Path, &CompactOptions, &Monitor, &mut Compacted) -> error::Result<()>;

/// Compresses history.
///
/// # Errors
/// As [`compact`](crate::store::maintenance::compact::compact).
pub fn run(args: CompactArgs, session: &Session) -> Result<Outcome> {
    let words = Words {
        name: "compact",
        doing: "Compacting",
        done: "Compacted",
    };
    work(args.which, &words, compact_into, session)
}

/// Turns compressed history back into rows.
///
/// # Errors
/// As [`expand`](crate::store::maintenance::expand::expand).
pub fn run_expand(args: ExpandArgs, session: &Session) -> Result<Outcome> {
    let words = Words {
        name: "expand",
        doing: "Expanding",
        done: "Expanded",
    };
    work(args.which, &words, expand_into, session)
}

fn work(which: Which, words: &Words, work: Work, session: &Session) -> Result<Outcome> {
    let store = which.store.store()?;
    let options = CompactOptions {
        vat_id: which.vat,
        limit: which.limit,
        dry_run: which.dry_run,
    };
    let monitor = session.monitor();
    let begin = Instant::now();
    let mut done = Compacted::default();
    session
        .watch(words.doing, &monitor, || {
            work(&store, &options, &monitor, &mut done)
        })
        .map_err(|error| match done.items {
            0 => Failure::Store(error),
            _ => {
                let did = format!("{} {}", words.done.to_lowercase(), what(&done));
                Failure::Begun(error, partly_done(&did))
            }
        })?;
    let seconds = begin.elapsed().as_secs_f64();
    let arguments = Arguments {
        state_dir: text(&store),
        vat_id: options.vat_id,
        dry_run: options.dry_run,
    };
    let document = Output::new(words.name, arguments, Timed::new(&done, seconds));
    session.answer(&document, |out| {
        if options.dry_run {
            return writeln!(out, "Would {} {}", words.name, what(&done));
        }
        writeln!(
            out,
            "{} {}: {}, compressed {}, in {seconds:.1} s",
            words.done,
            what(&done),
            HumanBytes(done.item_bytes),
            HumanBytes(done.compressed_bytes),
        )?;
        if !done.done {
            writeln!(out, "There is more to {}: run it again", words.name)?;
        }
        if done.incomplete > 0 {
            writeln!(
                out,
                "{} {} some items and {}",
                plural(done.incomplete, "span"),
                agree(done.incomplete, "lacks", "lack"),
                agree(done.incomplete, "stays as it is", "stay as they are"),
            )?;
        }
        if done.damaged_count > 0 {
            writeln!(
                out,
                "{} {} damaged (see verify) and {}:",
                plural(done.damaged_count, "span"),
                agree(done.damaged_count, "is", "are"),
                agree(done.damaged_count, "stays as it is", "stay as they are"),
            )?;
            for name in &done.damaged {
                writeln!(out, "  {}", printable(&String::from_utf8_lossy(name)))?;
            }
        }
        writeln!(
            out,
            "Of {}, {} are free now and will be used again",
            HumanBytes(done.space.file_bytes),
            HumanBytes(done.space.free_bytes),
        )?;
        tell_locking(out, done.transaction_stats)
    })?;
    Ok(if done.damaged_count > 0 {
        Outcome::Findings
    } else {
        Outcome::Success
    })
}

/// Describes what was done.
fn what(done: &Compacted) -> String {
    format!(
        "{} of {}",
        plural(done.items, "item"),
        plural(done.spans, "span")
    )
}
