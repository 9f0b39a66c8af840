//! `inspect --html`: writes the report.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::artifact_mode::Needed;
use crate::cli::terminal::document::{Document, StoreArguments, Timed, text};
use crate::cli::terminal::exit::{Failure, Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::cli::terminal::table;
use crate::report::{ListedFindings, MOST_OF_A_KIND, StoreContents, page};
use crate::store::encoding::fields;
use crate::store::encoding::plural::plural;
use crate::store::error::Error;
use crate::store::fs::atomic_file::AtomicFile;
use crate::store::transfer::destination::check_no_store_file;
use crate::store::verify::{VerifyOptions, verify_store};

/// The options of a report.
#[derive(Debug, clap::Args)]
pub(crate) struct HtmlArgs {
    /// Write an HTML report to this file: sizes, time lines, pruned history, and the findings of a
    /// verification. It needs no network and no other file.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    html: Option<PathBuf>,

    /// Replace an existing file.
    #[arg(long, requires = "html")]
    force: bool,

    /// Skip the verification, which reads the whole store.
    #[arg(long, requires = "html")]
    no_verify: bool,

    /// What must be present for the verification.
    #[arg(
        long,
        value_name = "MODE",
        default_value = "operational",
        value_enum,
        requires = "html"
    )]
    artifact_mode: Needed,
}

impl HtmlArgs {
    /// The file for the report, if one is requested.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.html.as_deref()
    }
}

/// What was written.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    /// The file.
    html: String,
    /// Its size in bytes.
    bytes: usize,
    /// The block height in `host.height`; 0 if there is none.
    #[serde(serialize_with = "fields::number")]
    #[schemars(with = "f64")]
    block_height: f64,
    /// The number of findings; `null` without a verification.
    findings: Option<u64>,
}

/// The document.
pub(crate) type Output = Document<StoreArguments, Timed<Written>>;

/// Writes the report of a store, or of one vat.
///
/// # Errors
/// [`Failure::Usage`] if the file exists; as [`History::open`](crate::store::history::History::open),
/// [`verify_store`] and [`AtomicFile`].
pub(crate) fn run(
    args: &HtmlArgs,
    file: &Path,
    store: &Path,
    vat_id: Option<&str>,
    session: &Session,
) -> Result<Outcome> {
    let begin = Instant::now();
    // Fail early if the file cannot be written.
    let explained = |error| match error {
        Error::Io { code, .. } if code == "EEXIST" || code == "EISDIR" => is_there(file),
        other => Failure::Store(other),
    };
    check_no_store_file(store, file)?;
    let new_file = AtomicFile::begin(file, args.force).map_err(explained)?;
    let monitor = session.monitor();
    let contents = session.watch("Looking", &monitor, || {
        StoreContents::read(store, vat_id, &monitor)
    })?;
    let verified = if args.no_verify {
        None
    } else {
        let options = VerifyOptions {
            mode: args.artifact_mode.mode(),
            findings_per_kind: MOST_OF_A_KIND,
            ..VerifyOptions::default()
        };
        let monitor = session.monitor();
        let verify = || verify_store(store, &options, &monitor);
        Some(session.watch("Verifying", &monitor, verify)?)
    };
    let findings = verified
        .as_ref()
        .map(|report| ListedFindings::of(report, vat_id));
    let findings = findings.map(|findings| findings.count());
    let monitor = session.monitor();
    let page = session.watch("Writing", &monitor, || {
        page::write(
            &contents,
            store,
            verified.as_ref(),
            SystemTime::now(),
            &monitor,
        )
    })?;
    new_file.publish(page.as_bytes()).map_err(explained)?;
    let written = Written {
        html: text(file),
        bytes: page.len(),
        block_height: contents.block_height,
        findings,
    };
    let seconds = begin.elapsed().as_secs_f64();
    let document = Output::new(
        "inspect",
        StoreArguments::new(store),
        Timed::new(written, seconds),
    );
    session.answer(&document, |out| {
        let found = match findings {
            None => "not verified".into(),
            Some(0) => "nothing is wrong".into(),
            Some(count) => plural(count, "finding"),
        };
        let size = table::human_bytes(i64::try_from(page.len()).unwrap_or(i64::MAX));
        writeln!(
            out,
            "Wrote {} ({size}): block {}, {found} ({:.1} s)",
            file.display(),
            contents.block_height,
            begin.elapsed().as_secs_f64(),
        )
    })?;
    Ok(match findings {
        None | Some(0) => Outcome::Success,
        Some(_) => Outcome::Findings,
    })
}

fn is_there(file: &Path) -> Failure {
    let shown = file.display();
    Failure::Usage(if file.is_dir() {
        let inside = file.join("report.html");
        format!(
            "{shown} is a directory: name a file, such as {}",
            inside.display()
        )
    } else {
        format!("{shown} exists: name another file, or give --force to replace it")
    })
}
