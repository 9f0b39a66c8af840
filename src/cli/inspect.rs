//! `inspect`: what is in a store.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use super::state_dir::StateDirArgs;
use super::table::{Field, Table, human_bytes, human_count, printable, short};
use super::{Outcome, Result, Session, document};
use crate::store::history::{
    BundleInfo, BundlePlace, Entry, Incarnation, Populated, PseudoDelivery, SnapshotInfo, SpanInfo,
    VatInfo, VatState,
};
use crate::store::{History, Monitor};

/// Show what is in a store: vats, incarnations, spans, snapshots, bundles, and what was pruned.
///
/// A kernel may be running on the store meanwhile; nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  swing-store inspect
      all vats, and the bundles, of ~/.agoric/data/agoric
  swing-store inspect --vat v9 --sizes
      the incarnations, spans and snapshots of one vat
  swing-store inspect --json | jq '.vats[] | select(.state == \"terminated\") | .vatID'")]
pub struct InspectArgs {
    #[command(flatten)]
    store: StateDirArgs,

    /// One vat in depth.
    #[arg(long, value_name = "VATID")]
    vat: Option<String>,

    /// Say how large transcripts are, which takes a look at the row of every item.
    #[arg(long)]
    sizes: bool,
}

/// Shows it.
///
/// # Errors
/// As [`History::open`] and the questions that a [`History`] answers.
pub fn run(args: InspectArgs, session: &Session) -> Result<Outcome> {
    let store = args.store.store()?;
    let monitor = session.monitor();
    match &args.vat {
        None => {
            let all = session.watch("Looking", &monitor, || {
                All::find(&store, args.sizes, &monitor)
            })?;
            let answer = json!({
                "command": "inspect",
                "stateDir": store.to_string_lossy(),
                "blockHeight": all.block_height,
                "vats": document(&all.vats)?,
                "bundles": document(&all.bundles)?,
            });
            session.answer(&answer, |out| all.print(&store, out))?;
        }
        Some(vat_id) => {
            let one = session.watch("Looking", &monitor, || {
                One::find(&store, vat_id, args.sizes, &monitor)
            })?;
            let answer = json!({
                "command": "inspect",
                "stateDir": store.to_string_lossy(),
                "vat": document(&one.vat)?,
                "incarnations": document(&one.incarnations)?,
                "spans": document(&one.spans)?,
                "snapshots": document(&one.snapshots)?,
                "pseudoDeliveries": document(&one.entries)?,
            });
            session.answer(&answer, |out| one.print(out))?;
        }
    }
    Ok(Outcome::Success)
}

/// A store.
struct All {
    block_height: Option<String>,
    vats: Vec<VatInfo>,
    bundles: Vec<BundleInfo>,
}

impl All {
    fn find(store: &Path, sizes: bool, monitor: &Monitor) -> crate::store::Result<All> {
        let history = History::open(store)?;
        if sizes {
            history.measure(None, monitor)?;
        }
        Ok(All {
            block_height: history.block_height()?,
            vats: history.vats(monitor)?,
            bundles: history.bundles()?,
        })
    }

    fn print(&self, store: &Path, out: &mut dyn Write) -> io::Result<()> {
        let sum = |of: fn(&VatInfo) -> i64| self.vats.iter().map(of).fold(0, i64::saturating_add);
        let count = |of: fn(&VatInfo) -> usize| -> i64 {
            i64::try_from(self.vats.iter().map(of).sum::<usize>()).unwrap_or(i64::MAX)
        };
        let height = self.block_height.as_deref().map(printable);
        let height = height.map_or(String::new(), |height| format!(" at block {height}"));
        let images = sum(|vat| vat.snapshot_bytes);
        writeln!(
            out,
            "{}{height}: {} in {}, {} of {} with their image ({}), {}\n",
            store.display(),
            human_count(sum(|vat| vat.items), "item"),
            human_count(count(|vat| vat.spans), "span"),
            count(|vat| vat.populated_snapshots),
            human_count(count(|vat| vat.snapshots), "snapshot"),
            human_bytes(images),
            human_count(i64::try_from(self.bundles.len()).unwrap_or(0), "bundle"),
        )?;
        let mut vats = Table::new(&[
            "VAT",
            "NAME",
            "STATE",
            "INCARNATION",
            "POSITIONS",
            "ITEMS",
            "SIZE",
            "SPANS",
            "PRUNED",
            "SNAPSHOTS",
            "IMAGES",
            "IMAGE SIZE",
        ]);
        for vat in &self.vats {
            vats.add([
                Field::text(&vat.vat_id),
                vat.name.as_ref().map_or(Field::Nothing, Field::text),
                Field::text(state(vat.state)),
                vat.incarnation.map_or(Field::Nothing, Field::Number),
                Field::Number(vat.end_pos),
                Field::Number(vat.items),
                Field::measured(vat.bytes),
                Field::count(vat.spans),
                Field::count(vat.spans - vat.populated_spans),
                Field::count(vat.snapshots),
                Field::count(vat.populated_snapshots),
                Field::Bytes(vat.snapshot_bytes),
            ]);
        }
        vats.write(out)?;
        if self.bundles.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let mut bundles = Table::new(&["BUNDLE", "STORED", "SIZE", "NAMES"]);
        for bundle in &self.bundles {
            bundles.add([
                Field::Text(short(&printable(&bundle.bundle_id))),
                Field::text(match bundle.stored_in {
                    Some(BundlePlace::BundleStore) => "yes",
                    Some(BundlePlace::KvStore) => "in kvStore",
                    None => "pruned",
                }),
                Field::bytes(bundle.bytes),
                Field::text(bundle.names.join(", ")),
            ]);
        }
        bundles.write(out)
    }
}

/// A vat.
struct One {
    vat: VatInfo,
    incarnations: Vec<Incarnation>,
    spans: Vec<SpanInfo>,
    snapshots: Vec<SnapshotInfo>,
    entries: Vec<PseudoDelivery>,
}

impl One {
    fn find(
        store: &Path,
        vat_id: &str,
        sizes: bool,
        monitor: &Monitor,
    ) -> crate::store::Result<One> {
        let history = History::open(store)?;
        let vat = history.vat(vat_id, monitor)?;
        // The kernel may know a vat that has no transcript.
        let has_spans = vat.spans > 0;
        if sizes && has_spans {
            history.measure(Some(vat_id), monitor)?;
        }
        Ok(One {
            incarnations: match has_spans {
                true => history.incarnations(vat_id, monitor)?,
                false => Vec::new(),
            },
            spans: match has_spans {
                true => history.spans(vat_id, monitor)?,
                false => Vec::new(),
            },
            entries: match has_spans {
                true => history.pseudo_deliveries(vat_id, monitor)?,
                false => Vec::new(),
            },
            snapshots: history.snapshots(Some(vat_id))?,
            vat: match sizes && has_spans {
                true => history.vat(vat_id, monitor)?,
                false => vat,
            },
        })
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let vat = &self.vat;
        let name = vat.name.as_deref().map(printable);
        writeln!(
            out,
            "{}{}: {}{}, {} of {} there",
            printable(&vat.vat_id),
            name.map_or(String::new(), |name| format!(" ({name})")),
            state(vat.state),
            if vat.in_kernel {
                ""
            } else {
                ", not in the kernel's state"
            },
            vat.items,
            human_count(vat.end_pos, "item"),
        )?;
        for (what, noted) in [("source", &vat.source), ("options", &vat.options)] {
            if let Some(noted) = noted {
                writeln!(out, "{what}: {}", printable(noted.get()))?;
            }
        }
        writeln!(out)?;
        let mut incarnations = Table::new(&[
            "INCARNATION",
            "START",
            "END",
            "ITEMS",
            "SIZE",
            "SPANS",
            "PRUNED",
            "BEGAN",
            "ENDED",
        ]);
        for one in &self.incarnations {
            incarnations.add([
                Field::Number(one.incarnation),
                Field::Number(one.start_pos),
                Field::Number(one.end_pos),
                Field::Number(one.items),
                Field::measured(one.bytes),
                Field::count(one.spans),
                Field::count(one.spans - one.populated_spans),
                one.began.as_ref().map_or(Field::Nothing, entry),
                one.ended.as_ref().map_or(Field::Nothing, entry),
            ]);
        }
        incarnations.write(out)?;
        writeln!(out)?;
        self.print_spans(out)?;
        if self.snapshots.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let mut snapshots =
            Table::new(&["SNAPSHOT", "IN USE", "IMAGE", "SIZE", "STORED AS", "HASH"]);
        for one in &self.snapshots {
            snapshots.add([
                Field::text(&one.artifact),
                Field::text(if one.in_use { "yes" } else { "" }),
                Field::text(populated(one.populated)),
                Field::bytes(one.uncompressed_size),
                match one.populated {
                    Populated::All => Field::bytes(one.compressed_size),
                    _ => Field::Nothing,
                },
                Field::Text(short(&printable(&one.hash))),
            ]);
        }
        snapshots.write(out)
    }

    fn print_spans(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut spans = Table::new(&[
            "SPAN",
            "INCARNATION",
            "ITEMS",
            "SIZE",
            "STORED",
            "BEGINS WITH",
            "ENDS WITH",
            "HASH",
        ]);
        // Both are in order.
        let mut entries = self.entries.iter().peekable();
        for span in &self.spans {
            let mut ends = [Field::Nothing, Field::Nothing];
            while let Some(found) = entries.next_if(|one| one.span_start <= span.start_pos) {
                let at_start = found.position == span.start_pos;
                ends[usize::from(!at_start)] = entry(&found.entry);
            }
            let [begin, end] = ends;
            spans.add([
                Field::text(&span.artifact),
                Field::Number(span.incarnation),
                Field::Number(span.items),
                Field::measured(span.bytes),
                Field::text(populated(span.populated)),
                begin,
                if span.is_current {
                    Field::text("(current)")
                } else {
                    end
                },
                Field::Text(short(&printable(&span.hash))),
            ]);
        }
        spans.write(out)
    }
}

fn state(state: VatState) -> &'static str {
    match state {
        VatState::Live => "live",
        VatState::Terminated => "terminated",
        VatState::Gone => "gone",
    }
}

fn populated(populated: Populated) -> &'static str {
    match populated {
        Populated::All => "yes",
        Populated::Some => "in part",
        Populated::None => "pruned",
    }
}

fn entry(entry: &Entry) -> Field {
    Field::text(match entry {
        Entry::InitializeWorker { .. } => "initialize-worker",
        Entry::LoadSnapshot { .. } => "load-snapshot",
        Entry::SaveSnapshot { .. } => "save-snapshot",
        Entry::ShutdownWorker => "shutdown-worker",
        Entry::Delivery { delivery } => delivery,
        Entry::Unknown { .. } => "(unknown)",
        Entry::Pruned { .. } => "",
    })
}
