//! `import`: creates a store from a directory.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use indicatif::HumanBytes;
use schemars::JsonSchema;
use serde::Serialize;

use super::repopulate;
use crate::cli::arguments::artifact_mode::Mode;
use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, Timed, text};
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::plural::{agree, grouped, plural};
use crate::store::places::Place;
use crate::store::substores::HistoricalSpans;
use crate::store::transfer::directory::{
    ImportOptions, Imported, RepairOptions, Repaired, import_from_directory, repair_metadata,
};

/// How to use the export data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportDataMode {
    /// Create a new store from it
    All,
    /// Add missing records of spans and snapshots to the existing store, without their contents
    RepairMetadata,
    /// Ignore it, and add artifacts to the existing store, as repopulate does
    Skip,
}

/// How to store the items of historical spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// As rows, which @agoric/swing-store reads
    Rows,
    /// Compressed, to about a tenth of their size
    Compressed,
}

/// Create a store from a directory that export or cosmic-swingset has written.
///
/// The new store replaces a store in the same directory after everything is checked and on disk;
/// until then, the existing store is unchanged. The existing store must not be open, so stop the
/// kernel first. To replace a store of a later block, give --force. The new file has the owner and
/// the permissions of the old one. Options and defaults are those of cosmic-swingset's
/// import-kernel-db.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store import --export-dir /backup/export
      a new store in ~/.agoric/data/agoric, which must exist
  swing-store import --state-dir /var/lib/agoric/data/agoric --export-dir /backup/full \\
      --artifact-mode replay --check-block-height 17000000
      only what a replay of vats needs, if the export is of that block
  swing-store import --export-dir /backup/full --export-data-mode repair-metadata \\
      --artifact-mode none
      the records of history that the store lacks; repopulate adds the history itself")]
pub struct ImportArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// The directory with the export.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, default_value = ".")]
    #[arg(env = "AG_CHAIN_COSMOS_EXPORT_DIR", hide_env_values = true)]
    export_dir: PathBuf,

    /// Which artifacts to import; a missing one is an error [default: those of the export].
    #[arg(long, value_name = "MODE", value_enum)]
    #[arg(env = "AG_CHAIN_COSMOS_ARTIFACT_MODE", hide_env_values = true)]
    artifact_mode: Option<Mode>,

    /// How to use the export data.
    #[arg(long, value_name = "MODE", default_value = "all", value_enum)]
    #[arg(env = "AG_CHAIN_COSMOS_EXPORT_DATA_MODE", hide_env_values = true)]
    export_data_mode: ExportDataMode,

    /// Fail unless the export (and with repair-metadata the store) is of this block [default: any].
    #[arg(long, value_name = "HEIGHT")]
    #[arg(env = "AG_CHAIN_COSMOS_CHECK_BLOCK_HEIGHT", hide_env_values = true)]
    #[arg(value_parser = crate::cli::arguments::block_height())]
    check_block_height: Option<u64>,

    /// How to store the items of old spans.
    #[arg(long, value_name = "FORM", default_value = "rows", value_enum)]
    historical_spans: Form,

    /// Replace the existing store even if it is of a later block than the export.
    #[arg(long)]
    force: bool,

    /// Name each artifact on stderr as it is imported.
    #[arg(long)]
    verbose: bool,
}

impl ImportArgs {
    fn block_height(&self) -> Option<f64> {
        self.check_block_height.map(|height| height as f64)
    }
}

/// The arguments in the document of an import.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportArguments {
    /// The directory of the store.
    state_dir: String,
    /// The directory of the export.
    export_dir: String,
    /// What was done with the export data.
    #[schemars(extend("const" = "all"))]
    export_data_mode: &'static str,
}

/// The document of an import.
pub(crate) type ImportOutput<'a> = Document<ImportArguments, Timed<&'a Imported>>;

/// The arguments in the document of a repair.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepairArguments {
    /// The directory of the store.
    state_dir: String,
    /// The directory of the export.
    export_dir: String,
    /// Which artifacts were imported.
    #[schemars(extend("const" = "none"))]
    artifact_mode: &'static str,
    /// What was done with the export data.
    #[schemars(extend("const" = "repair-metadata"))]
    export_data_mode: &'static str,
}

/// The document of a repair.
pub(crate) type RepairOutput<'a> = Document<RepairArguments, &'a Repaired>;

/// The source in the document of an import without export data.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FillSource {
    /// The directory of the export.
    export_dir: String,
    /// What was done with the export data.
    #[schemars(extend("const" = "skip"))]
    export_data_mode: &'static str,
}

/// Imports, or repairs.
///
/// # Errors
/// As [`import_from_directory`], [`repair_metadata`] and [`repopulate::run`].
pub fn run(args: ImportArgs, session: &Session) -> Result<Outcome> {
    match args.export_data_mode {
        ExportDataMode::All => import(&args, &args.store.directory()?, session),
        ExportDataMode::RepairMetadata => repair(&args, &args.store.store()?, session),
        ExportDataMode::Skip => fill(&args, &args.store.store()?, session),
    }
}

fn import(args: &ImportArgs, store: &Path, session: &Session) -> Result<Outcome> {
    if args.artifact_mode == Some(Mode::None) {
        return Err(Failure::Usage(
            "a store needs at least the operational artifacts: give another --artifact-mode than \
             none, or none at all"
                .into(),
        ));
    }
    let options = ImportOptions {
        mode: args.artifact_mode.and_then(Mode::artifacts),
        block_height: args.block_height(),
        record_exports: false,
        go_back: args.force,
        historical_spans: match args.historical_spans {
            Form::Rows => HistoricalSpans::Rows,
            Form::Compressed => HistoricalSpans::Compressed,
        },
    };
    let monitor = session.telling_monitor(args.verbose);
    let begin = Instant::now();
    let imported = session.watch("Importing", &monitor, || {
        import_from_directory(&args.export_dir, store, &options, &monitor)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let arguments = ImportArguments {
        state_dir: text(store),
        export_dir: text(&args.export_dir),
        export_data_mode: "all",
    };
    let document = ImportOutput::new("import", arguments, Timed::new(&imported, seconds));
    session.answer(&document, |out| {
        if let Some(replaced) = imported.replaced {
            let size = HumanBytes(replaced.file_bytes);
            match replaced.block_height {
                Some(height) => writeln!(out, "Replaced a store of block {height}, {size}")?,
                None => writeln!(out, "Replaced a store of an unknown block, {size}")?,
            }
        }
        writeln!(
            out,
            "Imported block {} in mode {} to {}: {} and the export data, {} in \
             {seconds:.1} s",
            imported.block_height,
            imported.mode.name(),
            crate::store::encoding::printable::printable(&store.to_string_lossy()),
            plural(imported.artifacts, "artifact"),
            HumanBytes(imported.bytes),
        )
    })?;
    Ok(Outcome::Success)
}

/// Adds artifacts whose records the store has.
fn fill(args: &ImportArgs, store: &Path, session: &Session) -> Result<Outcome> {
    if args.check_block_height.is_some_and(|height| height > 0) {
        return Err(Failure::Usage(
            "artifacts may be of any block, each is checked against its hash: leave out \
             --check-block-height"
                .into(),
        ));
    }
    let options = repopulate::options(args.artifact_mode)?;
    let source = FillSource {
        export_dir: text(&args.export_dir),
        export_data_mode: "skip",
    };
    repopulate::fill(
        store,
        &Place::Directory(args.export_dir.clone()),
        options,
        ("import", source),
        args.verbose,
        session,
    )
}

fn repair(args: &ImportArgs, store: &Path, session: &Session) -> Result<Outcome> {
    if args.artifact_mode.is_some_and(|mode| mode != Mode::None) {
        return Err(Failure::Usage(
            "artifacts can't be restored while metadata is repaired: give --artifact-mode none, or \
             none at all"
                .into(),
        ));
    }
    let options = RepairOptions {
        block_height: args.block_height(),
    };
    let monitor = session.telling_monitor(args.verbose);
    let repaired = session.watch("Repairing", &monitor, || {
        repair_metadata(&args.export_dir, store, &options, &monitor)
    })?;
    let arguments = RepairArguments {
        state_dir: text(store),
        export_dir: text(&args.export_dir),
        artifact_mode: "none",
        export_data_mode: "repair-metadata",
    };
    let document = RepairOutput::new("import", arguments, &repaired);
    session.answer(&document, |out| {
        writeln!(
            out,
            "Compared {} of block {} with those of {}, and added {} that {} missing",
            plural(repaired.records, "record"),
            repaired.block_height,
            crate::store::encoding::printable::printable(&store.to_string_lossy()),
            grouped(repaired.added),
            agree(repaired.added, "was", "were"),
        )
    })?;
    Ok(Outcome::Success)
}
