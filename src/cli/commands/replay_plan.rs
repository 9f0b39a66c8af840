//! `replay-plan`: what the replay of an incarnation of a vat needs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::transcript::open;
use crate::cli::arguments::state_dir::StateDirArgs;
use crate::cli::terminal::document::{Document, HistoryArguments};
use crate::cli::terminal::exit::{Outcome, Result};
use crate::cli::terminal::session::Session;
use crate::cli::terminal::table::{Field, Table};
use crate::store::encoding::plural::{agree, plural};
use crate::store::encoding::printable::printable;
use crate::store::history::{LearnedFrom, Populated, ReplayFrom, ReplayPlan, ReplayStart};

/// List what the replay of an incarnation of a vat needs, and which parts are missing.
///
/// The plan says how to start a worker, which spans to replay in which order, and which hashes its
/// heap must have at which positions. For missing parts, it lists the artifacts that restore them, and
/// the exit code is 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store replay-plan --vat v9
      of the current incarnation, from its beginning
  swing-store replay-plan --vat v9 --incarnation 0
      of the first one
  swing-store replay-plan --vat v9 --from-snapshot
      from the last heap snapshot, as a kernel does it")]
pub struct ReplayPlanArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// The vat, by its ID or its name.
    #[arg(long, value_name = "VAT")]
    vat: String,

    /// The incarnation; a vat's first one is 0 [default: the current one].
    #[arg(long, value_name = "NUMBER")]
    incarnation: Option<i64>,

    /// Start from the last heap snapshot of the incarnation, if it has one.
    #[arg(long)]
    from_snapshot: bool,

    /// Look for missing parts in this place, and check them against their hashes in the store: a
    /// directory with an archive or an export; or a URL s3://BUCKET/PATH, gs://BUCKET/PATH,
    /// az://CONTAINER/PATH, https://HOST/PATH or file:///DIRECTORY.
    #[arg(long, value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    history_from: Option<PathBuf>,
}

/// The document.
pub(crate) type Output<'a> = Document<HistoryArguments, &'a ReplayPlan>;

/// Prints the plan.
///
/// # Errors
/// As [`open`] and [`History::replay_plan`](crate::store::history::History::replay_plan).
pub fn run(args: ReplayPlanArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let from = if args.from_snapshot {
        ReplayFrom::Snapshot
    } else {
        ReplayFrom::Start
    };
    let monitor = session.monitor();
    let plan = session.watch("Looking", &monitor, || {
        let history = open(&store, args.history_from.as_deref())?;
        let vat = history.vat_called(&args.vat, &monitor)?;
        history.replay_plan(&vat, args.incarnation, from, &monitor)
    })?;
    let place = args.history_from.as_deref();
    let arguments = HistoryArguments::new(&store, place);
    let document = Output::new("replay-plan", arguments, &plan);
    session.answer(&document, |out| print(&plan, place, out))?;
    Ok(if plan.complete {
        Outcome::Success
    } else {
        Outcome::Findings
    })
}

fn print(plan: &ReplayPlan, place: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "To replay incarnation {} of {}, positions {} up to, not including, {}{}:\n",
        plan.incarnation,
        printable(&plan.vat_id),
        plan.start_pos,
        plan.end_pos,
        if plan.is_current { " so far" } else { "" },
    )?;
    let learned = |from| match from {
        LearnedFrom::Transcript => "",
        LearnedFrom::KvStore => ", according to the kernel's notes of the vat",
        LearnedFrom::Snapshots => ", according to the snapshot's record",
    };
    match &plan.start {
        ReplayStart::InitializeWorker {
            worker_options,
            learned_from,
            ..
        } => {
            writeln!(
                out,
                "start a worker from these bundles, in this order{};\nits options are {}\n",
                learned(*learned_from),
                printable(worker_options.get()),
            )?;
            let mut table = Table::new(&["FOR", "STORED", "ARTIFACT"]);
            for bundle in &plan.bundles {
                table.add([
                    Field::text(bundle.role),
                    Field::text(match bundle.stored_in {
                        Some(_) => "yes",
                        None => "MISSING",
                    }),
                    Field::text(&bundle.artifact),
                ]);
            }
            table.write(out)?;
        }
        ReplayStart::LoadSnapshot {
            snapshot_id,
            learned_from,
            ..
        } => {
            writeln!(
                out,
                "start a worker from the snapshot {}{}\n",
                printable(snapshot_id),
                learned(*learned_from)
            )?;
            let mut table = Table::new(&["STORED", "SIZE", "ARTIFACT"]);
            for snapshot in &plan.snapshots {
                table.add([
                    Field::text(stored(snapshot.populated)),
                    Field::bytes(snapshot.uncompressed_size),
                    Field::text(&snapshot.artifact),
                ]);
            }
            table.write(out)?;
        }
        ReplayStart::Unknown { .. } => writeln!(out, "what to start a worker from is not known")?,
    }
    writeln!(out, "\nand feed it these spans\n")?;
    let mut table = Table::new(&["STORED", "ITEMS", "ARTIFACT", "HEAP AT ITS END"]);
    for span in &plan.spans {
        let last = span.end_pos.saturating_sub(1);
        let checkpoint = plan.checkpoints.iter().find(|one| one.position == last);
        table.add([
            Field::text(stored(span.populated)),
            Field::count(span.end_pos.saturating_sub(span.start_pos)),
            Field::text(&span.artifact),
            checkpoint.map_or(Field::Nothing, |one| Field::text(&one.snapshot_id)),
        ]);
    }
    table.write(out)?;
    writeln!(out)?;
    for problem in &plan.problems {
        writeln!(out, "Problem: {}", printable(problem))?;
    }
    if let (Some(elsewhere), Some(place)) = (&plan.elsewhere, place)
        && !elsewhere.is_empty()
    {
        let place = place.to_string_lossy();
        let count = plural(elsewhere.len(), "artifact");
        let verb = agree(elsewhere.len(), "is", "are");
        writeln!(out, "{count} {verb} only in {}:", printable(&place))?;
        for part in elsewhere {
            writeln!(out, "  {}", printable(&part.artifact))?;
        }
    }
    let is_stored = plan.elsewhere.as_ref().is_none_or(Vec::is_empty);
    match plan.missing.len() {
        0 if plan.problems.is_empty() && is_stored => writeln!(out, "All of it is in the store."),
        0 if plan.problems.is_empty() => writeln!(out, "Everything else is in the store."),
        0 => Ok(()),
        missing => {
            let count = i64::try_from(missing).unwrap_or(i64::MAX);
            let (verb, them) = match count {
                1 => ("is", "it"),
                _ => ("are", "them"),
            };
            writeln!(
                out,
                "{} {verb} missing. An archive may have {them}, or an export (archival for spans, \
                 debug for snapshots):",
                plural(count, "artifact"),
            )?;
            for part in &plan.missing {
                writeln!(out, "  {}", printable(&part.artifact))?;
            }
            Ok(())
        }
    }
}

fn stored(populated: Populated) -> &'static str {
    match populated {
        Populated::All => "yes",
        Populated::Some => "IN PART",
        Populated::None => "MISSING",
    }
}
