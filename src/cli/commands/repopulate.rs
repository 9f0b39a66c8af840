//! `repopulate`: restores pruned history.

use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::HumanBytes;
use schemars::JsonSchema;
use serde::Serialize;

use super::prune::{partly_done, tell_locking};
use crate::cli::arguments::artifact_mode::{Mode, Taken};
use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{self, Document, Timed};
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::plural::{agree, grouped, plural};
use crate::store::encoding::printable::printable;
use crate::store::maintenance::repopulate::{
    DEFAULT_MAX_ARTIFACT_BYTES, RepopulateOptions, Repopulated, repopulate_from_place_into,
};
use crate::store::places::Place;
use crate::store::records::mode::ArtifactMode;

/// The maximum number of printed names of each kind; the document has all.
const SHOWN: usize = 10;

/// Restore pruned spans and snapshots from artifacts, which need not be trusted.
///
/// Each artifact is checked against the hash in the store, and added completely or not at all.
/// Existing content is kept, unless it is damaged and --replace-damaged is given. A kernel can use
/// the store meanwhile. After an interruption, another run continues.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit code is 1 if an artifact was refused, or if the store still lacks one that the mode includes.

Examples:
  swing-store repopulate --from /archive
      every span of live vats from an archive of NAME.gz files
  swing-store repopulate --from s3://bucket/agoric-3
      the same from an object store
  swing-store repopulate --from /backup/export --artifact-mode debug
      everything in an export, also unused snapshots
  swing-store repopulate --from /backup/export --artifact-mode operational --replace-damaged
      what verify reports as damaged, and what a kernel needs to run")]
pub struct RepopulateArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// The place with the artifacts: a directory with an export, an archive, or files with the names of
    /// artifacts; or a URL s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH, https://HOST/PATH or
    /// file:///DIRECTORY.
    #[arg(long, value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    from: PathBuf,

    /// Which artifacts to add.
    #[arg(long, value_name = "MODE", default_value = "archival", value_enum)]
    artifact_mode: Taken,

    /// The maximum size of an artifact in bytes, uncompressed.
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_ARTIFACT_BYTES)]
    max_artifact_bytes: u64,

    /// Insert larger spans in several transactions of about this many bytes [default: one each].
    #[arg(long, value_name = "BYTES")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    max_transaction_bytes: Option<u64>,

    /// Also replace content that does not match its hash, in any mode: damaged spans, snapshots and
    /// bundles. For a current span, the artifact may be from a node at another block.
    #[arg(long)]
    replace_damaged: bool,

    /// Print the name of each added, replaced or refused artifact on stderr.
    #[arg(long)]
    verbose: bool,
}

/// The source in the document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Source {
    /// The place with the artifacts: a directory or a URL.
    from: String,
}

/// The arguments in the document, with a [`Source`] or that of `import`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) struct Arguments<S> {
    #[serde(flatten)]
    source: S,
    /// The directory of the store.
    state_dir: String,
    /// Which artifacts were added.
    artifact_mode: ArtifactMode,
    /// Whether damaged content was replaced, too.
    replace_damaged: bool,
}

/// The document.
pub(crate) type Output<'a, S> = Document<Arguments<S>, Timed<&'a Repopulated>>;

/// Repopulates.
///
/// # Errors
/// As [`Place::parse`], and as
/// [`repopulate_from_place`](crate::store::maintenance::repopulate::repopulate_from_place).
pub fn run(args: RepopulateArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let options = RepopulateOptions {
        max_artifact_bytes: args.max_artifact_bytes,
        max_transaction_bytes: args.max_transaction_bytes,
        replace_damaged: args.replace_damaged,
        ..RepopulateOptions::new(args.artifact_mode.mode())
    };
    let from = Place::parse(&args.from)?;
    let source = Source {
        from: from.to_string(),
    };
    let command = ("repopulate", source);
    fill(&store, &from, options, command, args.verbose, session)
}

/// The default options in a mode.
pub(crate) fn options(mode: Option<Mode>) -> Result<RepopulateOptions> {
    match mode.unwrap_or(Mode::Archival).artifacts() {
        Some(mode) => Ok(RepopulateOptions::new(mode)),
        None => Err(Failure::Usage(
            "without artifacts there is nothing to restore: give another --artifact-mode than none"
                .into(),
        )),
    }
}

/// Adds artifacts to a store, and reports it. `command` is the command and the source for the document.
pub(crate) fn fill(
    store: &Path,
    from: &Place,
    options: RepopulateOptions,
    (command, source): (&'static str, impl Serialize),
    verbose: bool,
    session: &Session,
) -> Result<Outcome> {
    let mode = options.mode;
    let monitor = session.telling_monitor(verbose);
    let begin = Instant::now();
    let replace = options.replace_damaged;
    let mut done = Repopulated::default();
    session
        .watch("Repopulating", &monitor, || {
            repopulate_from_place_into(from, store, options, &monitor, &mut done)
        })
        .map_err(|error| match done.filled.len() + done.replaced.len() {
            0 => Failure::Store(error),
            _ => Failure::Begun(error, partly_done(&what(&done))),
        })?;
    let seconds = begin.elapsed().as_secs_f64();
    let arguments = Arguments {
        source,
        state_dir: document::text(store),
        artifact_mode: mode,
        replace_damaged: replace,
    };
    let document = Output::new(command, arguments, Timed::new(&done, seconds));
    session.answer(&document, |out| {
        writeln!(
            out,
            "Restored {}, {} in {seconds:.1} s; {} {} already present, {} {} not needed in mode {}",
            plural(done.filled.len(), "artifact"),
            HumanBytes(done.bytes),
            grouped(done.present),
            agree(done.present, "was", "were"),
            grouped(done.unwanted),
            agree(done.unwanted, "is", "are"),
            mode.name(),
        )?;
        if replace {
            let count = grouped(done.replaced.len());
            let were = agree(done.replaced.len(), "was", "were");
            writeln!(out, "Replaced {count} that {were} damaged")?;
        }
        tell_locking(out, done.transaction_stats)?;
        if done.refused_count > 0 {
            writeln!(out, "Refused {}:", grouped(done.refused_count))?;
            for refused in done.refused.iter().take(SHOWN) {
                writeln!(
                    out,
                    "  {}: {}",
                    text(&refused.name),
                    printable(&refused.reason)
                )?;
            }
            tell_rest(out, done.refused_count as usize)?;
        }
        if !done.missing.is_empty() {
            let count = grouped(done.missing.len());
            writeln!(out, "Still missing for mode {}: {count}", mode.name())?;
            for name in done.missing.iter().take(SHOWN) {
                writeln!(out, "  {}", text(name))?;
            }
            tell_rest(out, done.missing.len())?;
        }
        Ok(())
    })?;
    Ok(if done.refused_count == 0 && done.missing.is_empty() {
        Outcome::Success
    } else {
        Outcome::Findings
    })
}

/// Describes what was done.
fn what(done: &Repopulated) -> String {
    let filled = plural(done.filled.len(), "artifact");
    let bytes = HumanBytes(done.bytes);
    match done.replaced.len() as u64 {
        0 => format!("restored {filled}, {bytes}"),
        replaced => format!(
            "restored {filled}, and replaced {} that {} damaged, {bytes}",
            grouped(replaced),
            agree(replaced, "was", "were"),
        ),
    }
}

fn tell_rest(out: &mut dyn std::io::Write, count: usize) -> std::io::Result<()> {
    match count.saturating_sub(SHOWN) {
        0 => Ok(()),
        rest => writeln!(out, "  and {} more", grouped(rest)),
    }
}

fn text(name: &[u8]) -> String {
    printable(&String::from_utf8_lossy(name)).into_owned()
}
