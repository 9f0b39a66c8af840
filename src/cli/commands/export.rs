//! `export`: writes a store to a directory.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use indicatif::HumanBytes;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::artifact_mode::Mode;
use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, Timed, text};
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::plural::{grouped, plural};
use crate::store::encoding::printable::printable;
use crate::store::transfer::directory::{ExportOptions, Exported, Reused, export_to_directory};
use crate::store::transfer::history_source::HistorySource;

/// Whether to write the export data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportDataMode {
    /// Write the export data, which an import needs
    All,
    /// Write only artifacts
    Skip,
}

/// Write a store's last commit to a directory, for state-sync, a backup or a debugger.
///
/// A kernel can use the store meanwhile. Options, defaults and files are those of cosmic-swingset's
/// export-kernel-db, and its import-kernel-db reads them, too, except for those of --compress.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store export --export-dir /backup/export --export-data-mode all
      what a new node needs, from ~/.agoric/data/agoric
  swing-store export --home /var/lib/agoric --export-dir /backup/full --export-data-mode all \\
      --artifact-mode archival --check-block-height 17000000
      all history, if the store is at that block
  swing-store export --export-dir /backup/tuesday --export-data-mode all --compress \\
      --reuse /backup/monday
      a compressed export, with the files of the previous one where nothing has changed
  swing-store export --export-dir /backup/full --export-data-mode all --artifact-mode archival \\
      --history-from s3://bucket/agoric-3
      all history, with what this store has pruned from an archive")]
pub struct ExportArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// The directory to write to, which is created if necessary. Nothing in it is overwritten.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, default_value = ".")]
    #[arg(env = "AG_CHAIN_COSMOS_EXPORT_DIR", hide_env_values = true)]
    export_dir: PathBuf,

    /// Which artifacts to write; a missing one is an error.
    #[arg(long, value_name = "MODE", default_value = "operational", value_enum)]
    #[arg(env = "AG_CHAIN_COSMOS_ARTIFACT_MODE", hide_env_values = true)]
    artifact_mode: Mode,

    /// Whether to write the export data, which every import needs.
    #[arg(long, value_name = "MODE", default_value = "skip", value_enum)]
    #[arg(env = "AG_CHAIN_COSMOS_EXPORT_DATA_MODE", hide_env_values = true)]
    export_data_mode: ExportDataMode,

    /// Fail unless the store is at this block [default: any, as with 0].
    #[arg(long, value_name = "HEIGHT")]
    #[arg(env = "AG_CHAIN_COSMOS_CHECK_BLOCK_HEIGHT", hide_env_values = true)]
    #[arg(value_parser = crate::cli::arguments::block_height())]
    check_block_height: Option<u64>,

    /// Write each artifact as a gzip file, NAME.gz. This package's commands and functions read such
    /// an export; cosmic-swingset's import-kernel-db does not.
    #[arg(long)]
    compress: bool,

    /// A previous export with export data. Artifacts that have not changed since become hard links
    /// to its files, or copies if that is not possible. Do not modify these files afterwards.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    reuse: Option<PathBuf>,

    /// Take artifacts that the store has pruned from this place, checked against their hashes in the
    /// store: a directory with an archive or an export; or a URL s3://BUCKET/PATH, gs://BUCKET/PATH,
    /// az://CONTAINER/PATH, https://HOST/PATH or file:///DIRECTORY.
    #[arg(long, value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    history_from: Option<PathBuf>,

    /// Check the hashes of the files to reuse, and write damaged ones from the store.
    #[arg(long, requires = "reuse")]
    verify_reused: bool,

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
    /// The directory of the export.
    export_dir: String,
    /// Which artifacts were written.
    #[schemars(extend("enum" = ["none", "operational", "replay", "archival", "debug"]))]
    artifact_mode: &'static str,
    /// Whether the export data was written.
    #[schemars(extend("enum" = ["all", "skip"]))]
    export_data_mode: &'static str,
    /// Whether the artifacts are gzip files.
    compress: bool,
    /// The place of the artifacts that the store had pruned.
    #[serde(skip_serializing_if = "Option::is_none")]
    history_from: Option<String>,
    /// The previous export.
    #[serde(skip_serializing_if = "Option::is_none")]
    reuse: Option<String>,
    /// Whether the hashes of its files were checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    verify_reused: Option<bool>,
}

/// The document.
pub(crate) type Output<'a> = Document<Arguments, Timed<&'a Exported>>;

/// Exports.
///
/// # Errors
/// As [`export_to_directory`].
pub fn run(args: ExportArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let with_data = args.export_data_mode == ExportDataMode::All;
    if args.artifact_mode.artifacts().is_none() && (args.compress || args.reuse.is_some()) {
        return Err(Failure::Usage(
            "an export without artifacts has nothing to compress or to reuse: leave out --compress \
             and --reuse, or give another --artifact-mode than none"
                .into(),
        ));
    }
    if args.history_from.is_some() {
        let mode = args.artifact_mode.artifacts();
        HistorySource::check_mode(mode).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let options = ExportOptions {
        mode: args.artifact_mode.artifacts(),
        with_data,
        // As in export-kernel-db, 0 means any height.
        block_height: args
            .check_block_height
            .filter(|height| *height > 0)
            .map(|height| height as f64),
        compress: args.compress,
        history_from: args.history_from.clone(),
        reuse: args.reuse.clone(),
        verify_reused: args.verify_reused,
    };
    let monitor = session.telling_monitor(args.verbose);
    let begin = Instant::now();
    let exported = session.watch("Exporting", &monitor, || {
        export_to_directory(&store, &args.export_dir, &options, &monitor)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let mode = args.artifact_mode.name();
    let arguments = Arguments {
        state_dir: text(&store),
        export_dir: text(&args.export_dir),
        artifact_mode: mode,
        export_data_mode: if with_data { "all" } else { "skip" },
        compress: args.compress,
        history_from: args.history_from.as_deref().map(text),
        reuse: args.reuse.as_deref().map(text),
        verify_reused: args.reuse.is_some().then_some(args.verify_reused),
    };
    let document = Output::new("export", arguments, Timed::new(&exported, seconds));
    session.answer(&document, |out| {
        writeln!(
            out,
            "Exported block {} in mode {mode} to {}: {}{}, {} in {seconds:.1} s",
            exported.block_height,
            printable(&args.export_dir.to_string_lossy()),
            plural(exported.artifacts, "artifact"),
            if with_data {
                " and the export data"
            } else {
                ""
            },
            HumanBytes(exported.bytes),
        )?;
        if let (Some(fetched), Some(place)) = (exported.fetched, &args.history_from) {
            let place = place.to_string_lossy();
            let artifacts = plural(fetched, "artifact");
            writeln!(out, "Took {artifacts} from {}", printable(&place))?;
        }
        match (exported.reused, &args.reuse) {
            (Some(reused), Some(previous)) => describe_reused(out, &reused, previous),
            _ => Ok(()),
        }
    })?;
    if !with_data {
        session.note(
            "note: the export cannot be imported, because it has no export data. To write it, give \
             --export-data-mode all",
        );
    }
    Ok(Outcome::Success)
}

/// Prints what was reused of the previous export.
fn describe_reused(out: &mut dyn Write, reused: &Reused, previous: &Path) -> io::Result<()> {
    let kinds = [
        (reused.linked, "linked"),
        (reused.cloned, "cloned"),
        (reused.copied, "copied"),
    ];
    let kinds: Vec<String> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{} {kind}", grouped(count)))
        .collect();
    writeln!(
        out,
        "Reused {} of {}, {}{}",
        plural(reused.artifacts, "artifact"),
        printable(&previous.to_string_lossy()),
        HumanBytes(reused.bytes),
        if kinds.is_empty() {
            String::new()
        } else {
            format!(": {}", kinds.join(", "))
        },
    )?;
    if reused.damaged > 0 {
        let files = plural(reused.damaged, "damaged file");
        writeln!(out, "Wrote {files} of it from the store")?;
    }
    Ok(())
}
