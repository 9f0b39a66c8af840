//! Checks that the items of a span are complete and match the span's hash.

use std::borrow::Cow;

use rusqlite::types::ValueRef;

use super::check::{Check, integer, is_hash};
use super::elsewhere::Found;
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::links::{self, LinkEntry};
use super::remedy::RESTORE;
use super::span_job::{SpanJob, place};
use crate::store::database::Database;
use crate::store::database::compressed_items::frames::FramePlace;
use crate::store::database::item_source::{ItemVisitor, StoredItem};
use crate::store::encoding::hash::{Sha256, SpanHash};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::records::record::SpanRecord;
use crate::store::transfer::history_source::Wanted;

/// How many bytes are hashed between two checks for an abort.
const STEP_BYTES: usize = 256 << 10;

/// What reading a span's items found.
struct Items {
    found: i64,
    bytes: u64,
    /// The first position without an item.
    missing: Option<i64>,
    /// The number of gaps, including one before the first item and one after the last.
    gaps: u64,
    /// Whether every item is text. Otherwise the hash is meaningless.
    are_texts: bool,
    hash: SpanHash,
    first: LinkEntry,
    /// Items with a newline.
    newline: Run,
    /// Items with a different incarnation than the span's.
    incarnation: Run,
    /// Items that are not well-formed Unicode.
    not_unicode: Run,
}

/// The first position of several items, and their number.
#[derive(Default)]
struct Run {
    first: Option<i64>,
    count: u64,
}

impl Run {
    fn add(&mut self, position: i64) {
        self.first.get_or_insert(position);
        self.count += 1;
    }
}

/// Checks a span's items.
pub(super) fn check_span(check: &Check<'_>, db: &Database, span: &SpanJob) -> Result<()> {
    let outcome = check_items(check, db, span);
    check.tolerate(
        outcome,
        |finding| place(finding, &span.vat_id, span.start_pos, span.end_pos),
        StoreTable::Items,
    )?;
    check.monitor.finish_piece();
    Ok(())
}

fn check_items(check: &Check<'_>, db: &Database, span: &SpanJob) -> Result<()> {
    let items = read(check, db, span)?;
    // `Vat::fit` has checked the bounds, so this does not overflow.
    let expected = span.end_pos.saturating_sub(span.start_pos);
    check.count(|totals| {
        totals.items += items.found.unsigned_abs();
        totals.spans.bytes += items.bytes;
        // The hash is that of all items.
        if items.missing.is_some() {
            totals.spans.pruned += 1;
        } else {
            totals.spans.checked += 1;
        }
    });
    report_items(check, span, &items);
    let add = |kind, message: String| {
        let finding = Finding::new(kind, StoreTable::Spans, message);
        check.add(place(finding, &span.vat_id, span.start_pos, span.end_pos));
    };
    if items.missing.is_some() {
        let mut first = LinkEntry::Unknown;
        match look_elsewhere(check, span, &items)? {
            Found::Valid(item) => first = LinkEntry::of(&item),
            Found::Nothing => report_gap(check, span, &items, expected),
            Found::Unusable => {}
        }
        if items.found == 0 && !is_hash(&span.hash) {
            let found = ValueRef::Text(&span.hash);
            let wanted = "64 hexadecimal digits";
            check.bad_value(StoreTable::Spans, "hash", found, wanted, |finding| {
                place(finding, &span.vat_id, span.start_pos, span.end_pos)
            });
        }
        return links::check(check, db, span, &first);
    }
    if !items.are_texts {
        return Ok(());
    }
    if items.hash.as_bytes() != span.hash {
        add(
            FindingKind::SpanHash,
            format!(
                "the items have the hash {}, but the record says {}: an item or the record was \
                 changed. {}",
                items.hash,
                brief(&span.hash),
                check.remedies.replace()
            ),
        );
        return Ok(());
    }
    links::check(check, db, span, &items.first)
}

/// Looks in another place for the items of a span that was pruned, if the mode needs them. One that has
/// lost some of its items otherwise is damaged.
fn look_elsewhere(check: &Check<'_>, span: &SpanJob, items: &Items) -> Result<Found> {
    if !span.is_needed || !items.are_tail(span) {
        return Ok(Found::Nothing);
    }
    let wanted = Wanted::Span(SpanRecord {
        vat_id: span.vat_id.clone(),
        start_pos: span.start_pos,
        end_pos: span.end_pos,
        hash: span.hash.clone(),
        is_current: span.is_current,
        incarnation: span.incarnation,
    });
    check.look_elsewhere(&wanted, StoreTable::Spans, |finding| {
        place(finding, &span.vat_id, span.start_pos, span.end_pos)
    })
}

fn report_gap(check: &Check<'_>, span: &SpanJob, items: &Items, expected: i64) {
    let add = |kind, message: String| {
        let finding = Finding::new(kind, StoreTable::Spans, message);
        check.add(place(finding, &span.vat_id, span.start_pos, span.end_pos));
    };
    let what = if span.is_current {
        "current"
    } else {
        "historical"
    };
    if items.found == 0 {
        if span.is_needed {
            add(
                FindingKind::SpanPruned,
                format!(
                    "the {what} span has none of its {expected} items, but mode {} needs them{}. {}",
                    check.mode.name(),
                    check.nor_elsewhere(),
                    check.remedies.fill()
                ),
            );
        }
        return;
    }
    if items.are_tail(span) && !span.is_current && !span.is_needed {
        add(
            FindingKind::SpanHalfPruned,
            format!(
                "the historical span has only the last {} of its {expected} items: a pruning is \
                 running or was interrupted. The span counts as pruned. {}",
                items.found,
                check.remedies.prune()
            ),
        );
        return;
    }
    add(
        FindingKind::SpanIncomplete,
        format!(
            "the {what} span has only {} of its {expected} items; the first missing one is at {}. \
             {}",
            items.found,
            items.missing.unwrap_or(span.start_pos),
            check.remedies.replace()
        ),
    );
}

/// Adds one finding per kind of problem with single items.
fn report_items(check: &Check<'_>, span: &SpanJob, items: &Items) {
    let report = |kind, run: &Run, what: String, why: &str| {
        let Some(first) = run.first else { return };
        let message = match run.count {
            1 => format!("the item at {first} {what}. {why}"),
            count => format!("{count} items of the span, the first at {first}, {what}. {why}"),
        };
        let finding = Finding::new(kind, StoreTable::Items, message);
        check.add(place(finding, &span.vat_id, span.start_pos, span.end_pos).at(first));
    };
    report(
        FindingKind::ItemNewline,
        &items.newline,
        "has a newline".into(),
        &format!(
            "A newline ends an item in an artifact, so the span cannot be imported from an export. \
             No kernel writes such items: find out which tool did. {RESTORE}"
        ),
    );
    report(
        FindingKind::ItemIncarnation,
        &items.incarnation,
        format!(
            "has a different incarnation than its span ({})",
            span.incarnation
        ),
        &check.remedies.replace(),
    );
    report(
        FindingKind::NotUnicode,
        &items.not_unicode,
        "is not well-formed Unicode".into(),
        "It reads back as a different text, so the span cannot be imported from an export. No action \
         is needed if the program that wrote it accepts that",
    );
}

fn read(check: &Check<'_>, db: &Database, span: &SpanJob) -> Result<Items> {
    let mut items = Items {
        found: 0,
        bytes: 0,
        missing: None,
        gaps: 0,
        are_texts: true,
        hash: SpanHash::initial(),
        first: LinkEntry::Unknown,
        newline: Run::default(),
        incarnation: Run::default(),
        not_unicode: Run::default(),
    };
    let mut reading = Reading {
        check,
        span,
        items: &mut items,
        next: span.start_pos,
        uncounted: 0,
    };
    db.visit_items(&span.vat_id, span.start_pos..span.end_pos, &mut reading)?;
    let Reading {
        next, uncounted, ..
    } = reading;
    check.monitor.count(uncounted)?;
    if next < span.end_pos {
        items.missing.get_or_insert(next);
        items.gaps += 1;
    }
    Ok(items)
}

/// The state of reading a span's items.
struct Reading<'a> {
    check: &'a Check<'a>,
    span: &'a SpanJob,
    items: &'a mut Items,
    /// The position after the last item.
    next: i64,
    uncounted: usize,
}

impl ItemVisitor for Reading<'_> {
    fn visit(&mut self, found: StoredItem<'_>) -> Result<bool> {
        let (check, span) = (self.check, self.span);
        let at_span = |finding| place(finding, &span.vat_id, span.start_pos, span.end_pos);
        let Some(position) = integer(found.position) else {
            check.bad_contents(
                StoreTable::Items,
                "position",
                found.position,
                "a whole number",
                &check.remedies.replace(),
                at_span,
            );
            return Ok(true);
        };
        if position != self.next {
            self.items.missing.get_or_insert(self.next);
            self.items.gaps += 1;
        }
        self.next = position.saturating_add(1);
        self.items.found += 1;
        if integer(found.incarnation) != Some(span.incarnation) {
            self.items.incarnation.add(position);
        }
        let item = match found.item {
            ValueRef::Text(item) => item,
            other => {
                self.items.are_texts = false;
                let column = format!("the item at {position}");
                let wanted = "a text, without which its span has no hash";
                let remedy = check.remedies.replace();
                check.bad_contents(
                    StoreTable::Items,
                    &column,
                    other,
                    wanted,
                    &remedy,
                    |finding| at_span(finding).at(position),
                );
                return Ok(true);
            }
        };
        if position == span.start_pos {
            self.items.first = LinkEntry::of(item);
        }
        self.items.add(check, position, item)?;
        self.uncounted += item.len() + 1;
        if self.uncounted >= STEP_BYTES {
            check.monitor.count(self.uncounted)?;
            check.go_on()?;
            self.uncounted = 0;
        }
        Ok(true)
    }

    fn skip_frame(&mut self, frame: &FramePlace, error: Error) -> Result<()> {
        let span = self.span;
        let Error::BadFrame { problem, .. } = &error else {
            return Err(error);
        };
        let message = format!(
            "the compressed items {} to {} cannot be read: {problem}. {}",
            frame.start_pos,
            frame.end_pos.saturating_sub(1),
            self.check.remedies.replace()
        );
        let kind = FindingKind::FrameUnreadable;
        let finding = Finding::new(kind, StoreTable::CompressedItems, message);
        let finding = place(finding, &span.vat_id, span.start_pos, span.end_pos);
        self.check.add(finding.at(frame.start_pos));
        Ok(())
    }
}

impl Items {
    /// Whether they are the last ones of the span, or none: pruning deletes from the start, and deletes
    /// a large span in several transactions.
    fn are_tail(&self, span: &SpanJob) -> bool {
        self.gaps == 1 && self.missing == Some(span.start_pos)
    }

    fn add(&mut self, check: &Check<'_>, position: i64, item: &[u8]) -> Result<()> {
        self.bytes += item.len() as u64;
        if memchr::memchr(b'\n', item).is_some() {
            self.newline.add(position);
        }
        // Much faster than a search for the surrogates that the hash encodes differently.
        let hashed = match std::str::from_utf8(item) {
            Ok(_) => Cow::Borrowed(item),
            Err(_) => {
                self.not_unicode.add(position);
                wtf8::for_hash(item)
            }
        };
        if hashed.len() <= STEP_BYTES {
            self.hash.extend(&hashed);
            return Ok(());
        }
        let mut hash = Sha256::new();
        for piece in hashed.chunks(STEP_BYTES) {
            hash.add(piece);
            check.go_on()?;
        }
        self.hash.extend_by(hash);
        Ok(())
    }
}
