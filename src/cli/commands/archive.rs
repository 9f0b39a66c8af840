//! `archive`: a store's spans and snapshots as gzip files.

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use indicatif::HumanBytes;
use serde_json::json;

use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document;
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::plural::{agree, grouped, plural};
use crate::store::records::mode::ArtifactMode;
use crate::store::transfer::archive::{ArchiveOptions, archive_store};

/// Which spans and snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Snapshots in use, and with --current-spans current spans; it is an error to lack one
    Operational,
    /// And every span of each vat's current incarnation
    Replay,
    /// And every span of earlier incarnations
    Archival,
    /// All that there are, of terminated vats too; gaps are no error
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

/// Write a store's spans and snapshots to a directory, each as NAME.gz.
///
/// Files that are there already are left alone, so doing it again completes what was interrupted, and
/// adds what is new. A kernel may be running on the store meanwhile. What is archived can be pruned
/// from the store, and filled in again from the archive later.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store archive --archive-dir /backup/archive
      all that the store in ~/.agoric/data/agoric has
  swing-store archive --home /var/lib/agoric --archive-dir /backup/archive \\
      --artifact-mode archival --check
      make sure that the archive has all history, and that every file is what it should be")]
pub struct ArchiveArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// The directory to write to, made if need be.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    archive_dir: PathBuf,

    /// Which spans and snapshots to archive.
    #[arg(long, value_name = "MODE", default_value = "debug", value_enum)]
    artifact_mode: Mode,

    /// Archive current spans, too, as they are now. They go on growing, and have another name then.
    #[arg(long)]
    current_spans: bool,

    /// Compare files that are there already with the store, and replace those that differ.
    #[arg(long)]
    check: bool,

    /// Name each file on stderr as it is written.
    #[arg(long)]
    verbose: bool,
}

/// Archives.
///
/// # Errors
/// As [`archive_store()`].
pub fn run(args: ArchiveArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let options = ArchiveOptions {
        mode: args.artifact_mode.artifacts(),
        current_spans: args.current_spans,
        check: args.check,
    };
    let monitor = session.telling_monitor(args.verbose);
    let begin = Instant::now();
    let archived = session.watch("Archiving", &monitor, || {
        archive_store(&store, &args.archive_dir, &options, &monitor)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let arguments = json!({
        "stateDir": store.to_string_lossy(),
        "archiveDir": args.archive_dir.to_string_lossy(),
        "artifactMode": options.mode,
    });
    let document = document::of_report("archive", arguments, &archived, Some(seconds))?;
    session.answer(&document, |out| {
        write!(
            out,
            "Wrote {} to {}, {} in {seconds:.1} s",
            plural(archived.written, "file"),
            crate::store::encoding::printable::printable(&args.archive_dir.to_string_lossy()),
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
                "; {} {} there already",
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
