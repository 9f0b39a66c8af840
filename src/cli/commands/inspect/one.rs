//! `inspect` with a vat: its incarnations, spans and snapshots.

use std::io::{self, Write};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::terminal::document::{Document, StoreArguments};
use crate::cli::terminal::table::{Field, Table, short};
use crate::store::encoding::plural::{grouped, plural};
use crate::store::encoding::printable::printable;
use crate::store::history::{
    Entry, History, Incarnation, Populated, PseudoDelivery, SnapshotSummary, SpanInfo, VatInfo,
};
use crate::store::tasks::monitor::Monitor;

/// The document of a vat.
pub(crate) type Output<'a> = Document<StoreArguments, &'a One>;

/// A vat.
#[derive(Serialize, JsonSchema)]
pub(crate) struct One {
    /// The vat.
    pub(super) vat: VatInfo,
    /// Its incarnations, oldest first.
    pub(super) incarnations: Vec<Incarnation>,
    /// Its spans, oldest first.
    pub(super) spans: Vec<SpanInfo>,
    /// Its snapshots, oldest first.
    pub(super) snapshots: Vec<SnapshotSummary>,
    /// Its pseudo-deliveries, oldest first.
    #[serde(rename = "pseudoDeliveries")]
    pub(super) entries: Vec<PseudoDelivery>,
}

impl One {
    pub(super) fn find(
        store: &Path,
        vat_id: &str,
        sizes: bool,
        monitor: &Monitor,
    ) -> crate::store::error::Result<One> {
        let history = History::open(store)?;
        if sizes {
            history.measure(Some(vat_id), monitor)?;
        }
        let vat = history.vat(vat_id, monitor)?;
        let snapshots = history.snapshots(Some(vat_id))?;
        // The kernel may have a vat without a transcript.
        let mut found = One {
            vat,
            incarnations: Vec::new(),
            spans: Vec::new(),
            snapshots,
            entries: Vec::new(),
        };
        if found.vat.spans > 0 {
            found.incarnations = history.incarnations(vat_id, monitor)?;
            found.spans = history.spans(vat_id, monitor)?;
            found.entries = history.pseudo_deliveries(vat_id, monitor)?;
        }
        Ok(found)
    }

    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let vat = &self.vat;
        let name = vat.name.as_deref().map(printable);
        writeln!(
            out,
            "{}{}: {}{}, {} of {} stored",
            printable(&vat.vat_id),
            name.map_or(String::new(), |name| format!(" ({name})")),
            vat.state.name(),
            if vat.in_kernel {
                ""
            } else {
                ", not in the kernel's state"
            },
            grouped(vat.items),
            plural(vat.end_pos, "item"),
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
                Field::count(one.items),
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
        // Spans and entries are in the same order.
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
                Field::count(span.items),
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
