//! `metrics`: numbers of a store's contents, for monitoring.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, text};
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::store::encoding::printable::printable;
use crate::store::error::Error;
use crate::store::fs::atomic_file::AtomicFile;
use crate::store::measure::{MeasureOptions, StoreMetrics, measure_store};
use crate::store::metrics::text::render;
use crate::store::places::Place;

/// Print metrics of a store, in the text format of Prometheus.
///
/// Sizes, spans and items by how they are stored, snapshots, completeness for exports, and what an
/// archive lacks. A kernel can use the store meanwhile, and does not wait. Reads the records, and the
/// ends of each span: verify checks every item.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit code is 1 if the archive of --archived-in could not be read; the other metrics are printed.

Examples:
  swing-store metrics
      the metrics of the store in ~/.agoric/data/agoric
  swing-store metrics --textfile /var/lib/prometheus/node-exporter/swing-store.prom
      for the textfile collector of node_exporter; run it by a timer
  swing-store metrics --archived-in s3://bucket/agoric-3 --newest 10
      also what the archive lacks of the newest ten spans of each vat")]
pub struct MetricsArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// Write the metrics to this file instead of stdout, atomically. An existing file is replaced.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    textfile: Option<PathBuf>,

    /// Also count what this archive lacks: a directory or a URL, as of prune --archived-in. Its files
    /// are looked up by their names, and not read.
    #[arg(long, value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    archived_in: Option<PathBuf>,

    /// How many of the newest historical spans of each vat to look for in the archive [default: all].
    #[arg(long, value_name = "SPANS", requires = "archived_in")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    newest: Option<u64>,

    /// Also print positions of each vat.
    #[arg(long)]
    per_vat: bool,
}

/// The arguments in the document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Arguments {
    /// The directory of the store.
    state_dir: String,
    /// The archive that was asked: a directory or a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_in: Option<String>,
    /// The file with the metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    textfile: Option<String>,
}

/// The document.
pub(crate) type Output<'a> = Document<Arguments, &'a StoreMetrics>;

/// Measures.
///
/// # Errors
/// As [`measure_store`], [`Place::parse`] and [`AtomicFile`].
pub fn run(args: MetricsArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let archive = args.archived_in.as_deref().map(Place::parse).transpose()?;
    let textfile = args.textfile.as_deref();
    let textfile = textfile
        .map(|path| AtomicFile::begin(path, true))
        .transpose()?;
    let options = MeasureOptions {
        per_vat: args.per_vat,
        newest_spans: args.newest,
    };
    let monitor = session.monitor();
    let metrics = session.watch("Measuring", &monitor, || {
        measure_store(&store, archive.as_ref(), &options, &monitor)
    })?;
    let rendered = rendered(&metrics)?;
    let is_written = textfile.is_some();
    if let Some(file) = textfile {
        file.publish(rendered.as_bytes())?;
    }
    let arguments = Arguments {
        state_dir: text(&store),
        archived_in: archive.as_ref().map(Place::to_string),
        textfile: args.textfile.as_deref().map(text),
    };
    let document = Output::new("metrics", arguments, &metrics);
    session.answer(&document, |out| {
        if is_written {
            return Ok(());
        }
        out.write_all(rendered.as_bytes())
    })?;
    Ok(match &metrics.archive_problem {
        Some(problem) => {
            session.note(&format!(
                "note: the archive was not read: {}",
                printable(problem)
            ));
            Outcome::Findings
        }
        None => Outcome::Success,
    })
}

/// The metrics as text.
fn rendered(metrics: &StoreMetrics) -> Result<String> {
    match serde_json::to_value(metrics) {
        Ok(serde_json::Value::Object(report)) => Ok(render(&report)),
        Ok(_) => Err(Error::Internal("metrics are no object".into()).into()),
        Err(error) => Err(Error::Internal(error.to_string()).into()),
    }
}
