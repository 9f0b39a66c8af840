//! `archive`: a store's spans and snapshots as gzip files.

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use indicatif::HumanBytes;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, Timed, text};
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::plural::{agree, grouped, plural};
use crate::store::encoding::printable::printable;
use crate::store::places::Place;
use crate::store::records::mode::ArtifactMode;
use crate::store::transfer::archive::{ArchiveOptions, Archived, archive_store_to};

/// Which spans and snapshots to archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Snapshots in use, and with --current-spans current spans; missing ones are an error
    Operational,
    /// Every span of each vat's current incarnation, and snapshots in use
    Replay,
    /// Every span of vats that are not terminated, and snapshots in use
    Archival,
    /// All spans and snapshots that are stored, also of terminated vats; gaps are not an error
    Debug,
}

impl Mode {
    fn artifacts(self) -> ArtifactMode {
        match self {
            Mode::Operational => ArtifactMode::Operational,
            Mode::Replay => ArtifactMode::Replay,
            Mode::Archival => ArtifactMode::Archival,
            Mode::Debug => ArtifactMode::Debug,
        }
    }
}

/// Write a store's spans and snapshots to a directory or an object store, each as NAME.gz.
///
/// Existing files are kept, so another run completes an interrupted archive and adds new files. A
/// kernel can use the store meanwhile. Archived history can be pruned from the store, and later
/// restored from the archive by repopulate.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store archive --to /backup/archive
      everything in the store in ~/.agoric/data/agoric
  swing-store archive --home /var/lib/agoric --to /backup/archive \\
      --artifact-mode archival --check
      check that the archive has all history, and that every file is intact
  swing-store archive --to s3://bucket/agoric-3 --watch
      archive to an object store, and continue while a kernel runs

The credentials and settings of object stores are those that their providers' programs take from
the environment, such as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL.")]
pub struct ArchiveArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// Where to write: a directory, which is created if necessary, or a URL s3://BUCKET/PATH,
    /// gs://BUCKET/PATH, az://CONTAINER/PATH or file:///DIRECTORY.
    #[arg(long, alias = "archive-dir", value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    to: PathBuf,

    /// Which spans and snapshots to archive.
    #[arg(long, value_name = "MODE", default_value = "debug", value_enum)]
    artifact_mode: Mode,

    /// Also archive current spans, as of the last commit. They continue to grow, and then have another
    /// name.
    #[arg(long)]
    current_spans: bool,

    /// Compare existing files with the store, and replace those that differ.
    #[arg(long)]
    check: bool,

    /// Continue with spans that end and snapshots that are saved later, until Ctrl-C or SIGTERM.
    #[arg(long, conflicts_with = "current_spans")]
    watch: bool,

    /// Name each file on stderr as it is written.
    #[arg(long)]
    verbose: bool,
}

/// The arguments in the document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Arguments {
    /// The directory of the store.
    state_dir: String,
    /// The place of the archive: a directory or a URL.
    to: String,
    /// Which spans and snapshots were archived.
    artifact_mode: ArtifactMode,
}

/// The document.
pub(crate) type Output<'a> = Document<Arguments, Timed<&'a Archived>>;

/// Archives.
///
/// # Errors
/// As [`Place::parse`] and [`archive_store_to`].
pub fn run(args: ArchiveArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let options = ArchiveOptions {
        mode: args.artifact_mode.artifacts(),
        current_spans: args.current_spans,
        check: args.check,
        watch: args.watch,
    };
    let place = Place::parse(&args.to)?;
    let monitor = session.telling_monitor(args.verbose);
    let begin = Instant::now();
    let archived = session.watch("Archiving", &monitor, || {
        archive_store_to(&store, &place, &options, &monitor)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let arguments = Arguments {
        state_dir: text(&store),
        to: place.to_string(),
        artifact_mode: options.mode,
    };
    let document = Output::new("archive", arguments, Timed::new(&archived, seconds));
    session.answer(&document, |out| {
        write!(
            out,
            "Wrote {} to {}, {} in {seconds:.1} s",
            plural(archived.written, "file"),
            printable(&place.to_string()),
            HumanBytes(archived.bytes),
        )?;
        if archived.replaced > 0 {
            let replaced = grouped(archived.replaced);
            let were = agree(archived.replaced, "was", "were");
            write!(
                out,
                "; {replaced} of them {were} damaged, and {were} replaced"
            )?;
        }
        if archived.existing > 0 {
            write!(
                out,
                "; {} {} already present",
                grouped(archived.existing),
                agree(archived.existing, "was", "were"),
            )?;
        }
        writeln!(out)
    })?;
    if archived.unnamable > 0 {
        session.note(&format!(
            "note: {} {} left out, because of names that files can't have",
            plural(archived.unnamable, "artifact"),
            agree(archived.unnamable, "was", "were"),
        ));
    }
    Ok(Outcome::Success)
}
