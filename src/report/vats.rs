//! The table of vats.

use std::collections::HashMap;

use crate::report::contents::StoreContents;
use crate::report::sums::Sizes;
use crate::report::words;
use crate::store::encoding::plural::grouped;
use crate::store::history::{Populated, SpanInfo, VatInfo, VatState};

/// How many vats a page lists.
pub(super) const MOST_VATS: usize = 1_000;

/// A number, and its text.
pub(super) struct Amount {
    pub(super) number: u64,
    pub(super) text: String,
}

impl Amount {
    pub(super) fn bytes(bytes: u64) -> Amount {
        Amount {
            number: bytes,
            text: words::bytes(bytes),
        }
    }

    fn count(number: impl TryInto<u64>) -> Amount {
        let number = number.try_into().unwrap_or(0);
        Amount {
            number,
            text: grouped(number),
        }
    }
}

/// A part of a bar. Its position and width are in thousandths of the bar.
pub(super) struct BarPart {
    pub(super) class: &'static str,
    pub(super) from: String,
    pub(super) width: String,
}

/// The parts of a bar that represents `whole`.
pub(super) fn bar(parts: &[(&'static str, u64)], whole: u64) -> Vec<BarPart> {
    let thousandths = |bytes: u64| bytes as f64 / whole.max(1) as f64 * 1000.0;
    let mut from = 0.0;
    let mut bar = Vec::new();
    for (class, bytes) in parts {
        let width = thousandths(*bytes).min(1000.0 - from);
        if width > 0.0 {
            bar.push(BarPart {
                class,
                from: format!("{from:.1}"),
                width: format!("{width:.1}"),
            });
        }
        from += width;
    }
    bar
}

/// How much of a vat's transcript is present.
pub(super) struct Extent {
    pub(super) class: &'static str,
    pub(super) words: &'static str,
    /// The sort key: the more, the greater.
    pub(super) rank: u8,
}

impl Extent {
    fn of(spans: &[SpanInfo]) -> Extent {
        let is_present = |span: &SpanInfo| span.populated == Populated::All;
        let is_complete = spans.iter().all(is_present);
        let Some(current) = spans.iter().rfind(|span| span.is_current) else {
            let anything = spans.iter().any(|span| span.items > 0);
            let (class, words, rank) = match (spans.is_empty(), is_complete, anything) {
                (true, ..) => ("none", "no transcript", 0),
                (_, true, _) => ("all", "all", 6),
                (_, _, true) => ("some", "in part", 2),
                _ => ("none", "pruned", 1),
            };
            return Extent { class, words, rank };
        };
        let of_incarnation = spans
            .iter()
            .filter(|span| span.incarnation == current.incarnation);
        let has_start = spans.first().map_or(0, |span| span.start_pos) == 0;
        let (class, words, rank) = if is_complete && has_start {
            ("all", "all", 6)
        } else if of_incarnation.into_iter().all(is_present) {
            ("some", "this incarnation", 5)
        } else if is_present(current) {
            ("some", "current span", 4)
        } else {
            ("lacking", "incomplete", 3)
        };
        Extent { class, words, rank }
    }
}

/// A row of the table.
pub(super) struct VatRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) incarnation: Option<i64>,
    pub(super) positions: Amount,
    pub(super) spans: Amount,
    pub(super) pruned: Amount,
    pub(super) transcripts: Amount,
    pub(super) snapshots: Amount,
    pub(super) keys: Amount,
    pub(super) total: Amount,
    pub(super) bar: Vec<BarPart>,
    pub(super) extent: Extent,
}

/// The vats of a page.
pub(super) struct Vats<'a> {
    /// The largest vats, in descending order of size.
    pub(super) listed: Vec<&'a VatInfo>,
    pub(super) rows: Vec<VatRow>,
    /// The number of vats that are not listed, and their size.
    pub(super) others: Option<(String, String)>,
}

impl Vats<'_> {
    pub(super) fn of(contents: &StoreContents) -> Vats<'_> {
        let sizes: HashMap<&str, Sizes> = contents
            .vats
            .iter()
            .map(|vat| (vat.vat_id.as_str(), Sizes::of(vat, contents)))
            .collect();
        let size = |vat: &VatInfo| sizes.get(vat.vat_id.as_str()).copied().unwrap_or_default();
        let mut listed: Vec<&VatInfo> = contents.vats.iter().collect();
        // Vats of equal size stay in the order of their numbers.
        listed.sort_by_key(|vat| std::cmp::Reverse(size(vat).total()));
        let rest = listed.split_off(listed.len().min(MOST_VATS));
        let largest = listed.first().map_or(0, |vat| size(vat).total());
        let others = (!rest.is_empty()).then(|| {
            let mut sum = Sizes::default();
            rest.iter().for_each(|vat| sum.add(size(vat)));
            (grouped(rest.len()), words::bytes(sum.total()))
        });
        Vats {
            rows: listed
                .iter()
                .map(|vat| row(vat, size(vat), largest, contents.spans_of(&vat.vat_id)))
                .collect(),
            listed,
            others,
        }
    }
}

fn row(vat: &VatInfo, size: Sizes, largest: u64, spans: &[SpanInfo]) -> VatRow {
    VatRow {
        id: words::text(&vat.vat_id),
        name: vat.name.as_deref().map(words::text).unwrap_or_default(),
        state: vat.state.name(),
        incarnation: vat.incarnation,
        positions: Amount::count(vat.end_pos),
        spans: Amount::count(vat.spans),
        pruned: Amount::count(vat.spans.saturating_sub(vat.populated_spans)),
        transcripts: Amount::bytes(size.transcripts),
        snapshots: Amount::bytes(size.snapshots),
        keys: Amount::bytes(size.keys),
        total: Amount::bytes(size.total()),
        bar: bar(
            &[
                ("transcripts", size.transcripts),
                ("snapshots", size.snapshots),
                ("keys", size.keys),
            ],
            largest,
        ),
        extent: Extent::of(spans),
    }
}

/// The number of vats in each state: `9 live, 1 terminated`.
pub(super) fn count_states(vats: &[VatInfo]) -> String {
    let count = |state: VatState| vats.iter().filter(|vat| vat.state == state).count();
    let states = [VatState::Live, VatState::Terminated, VatState::Gone];
    let parts = states.into_iter().filter(|one| count(*one) > 0);
    let parts: Vec<_> = parts
        .map(|one| format!("{} {}", grouped(count(one)), one.name()))
        .collect();
    parts.join(", ")
}
