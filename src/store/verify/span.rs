//! The items of one span: whether all are there, and have the span's hash.

use std::borrow::Cow;

use rusqlite::params;
use rusqlite::types::ValueRef;

use super::check::{Check, integer, is_hash};
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::links;
use super::links::LinkEntry;
use super::remedy::RESTORE;
use super::transcripts::place;
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::hash::{Sha256, SpanHash};
use crate::store::encoding::wtf8;
use crate::store::error::Result;

/// How much is hashed before it is asked whether to go on.
const STEP_BYTES: usize = 256 << 10;

/// A span whose items are to be checked.
pub(super) struct SpanJob {
    pub(super) vat_id: Vec<u8>,
    pub(super) start_pos: i64,
    pub(super) end_pos: i64,
    pub(super) hash: Vec<u8>,
    pub(super) is_current: bool,
    pub(super) incarnation: i64,
    /// Whether an export in the mode that is asked for has to have it.
    pub(super) is_needed: bool,
}

/// What the items of a span come to.
struct Items {
    found: i64,
    bytes: u64,
    /// The first position at which there is no item.
    missing: Option<i64>,
    /// How often the items that are there are parted by such positions, begin or end with them.
    gaps: u64,
    /// Whether every item is a text, so that there is a hash.
    are_texts: bool,
    hash: SpanHash,
    first: LinkEntry,
    /// The first item that a span of its kind can't have, and how many there are.
    newline: Run,
    incarnation: Run,
    not_unicode: Run,
}

/// The first of several items of a kind, and their number.
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
    // Bounds lie between 0 and the largest number, so this does not overflow.
    let expected = span.end_pos.saturating_sub(span.start_pos);
    check.count(|totals| {
        totals.items += items.found.unsigned_abs();
        totals.spans.bytes += items.bytes;
        match items.found {
            0 if expected > 0 => totals.spans.pruned += 1,
            _ => totals.spans.checked += 1,
        }
    });
    report_items(check, span, &items);
    let add = |kind, message: String| {
        let finding = Finding::new(kind, StoreTable::Spans, message);
        check.add(place(finding, &span.vat_id, span.start_pos, span.end_pos));
    };
    if items.found < expected || items.missing.is_some() {
        report_gap(check, span, &items, expected);
        if items.found == 0 && !is_hash(&span.hash) {
            let found = ValueRef::Text(&span.hash);
            let wanted = "64 hexadecimal digits";
            check.bad_value(StoreTable::Spans, "hash", found, wanted, |finding| {
                place(finding, &span.vat_id, span.start_pos, span.end_pos)
            });
        }
        return links::check(check, db, span, &LinkEntry::Unknown);
    }
    if !items.are_texts {
        return Ok(());
    }
    if items.hash.as_bytes() != span.hash {
        add(
            FindingKind::SpanHash,
            format!(
                "the items have the hash {}, and should have {}: one of them, or the record, was \
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
                    "the {what} span has none of its {expected} items, which mode {} needs. {}",
                    check.mode.name(),
                    check.remedies.fill()
                ),
            );
        }
        return;
    }
    // Pruning deletes from the beginning, and a large span in more than one transaction.
    let is_tail = items.gaps == 1 && items.missing == Some(span.start_pos);
    if is_tail && !span.is_current && !span.is_needed {
        add(
            FindingKind::SpanHalfPruned,
            format!(
                "the historical span has the last {} of its {expected} items, as when a pruning is \
                 under way, or was cut short. It counts as pruned. {}",
                items.found,
                check.remedies.prune()
            ),
        );
        return;
    }
    add(
        FindingKind::SpanIncomplete,
        format!(
            "the {what} span has {} of its {expected} items, and lacks the one at {}. A span is \
             there as a whole or not at all. {}",
            items.found,
            items.missing.unwrap_or(span.start_pos),
            check.remedies.replace()
        ),
    );
}

/// Reports what is wrong with items one by one, one finding for all of a kind.
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
        "has a newline in it".into(),
        &format!(
            "In an artifact that is the end of an item, so the span can't be exported and imported \
             again. No kernel writes such items: find out which tool did. {RESTORE}"
        ),
    );
    report(
        FindingKind::ItemIncarnation,
        &items.incarnation,
        format!("is not of incarnation {}, as its span is", span.incarnation),
        &check.remedies.replace(),
    );
    report(
        FindingKind::NotUnicode,
        &items.not_unicode,
        "is not well-formed Unicode".into(),
        "It reads back as another text, so the span can't be exported and imported again. Nothing \
         need be done if the program that wrote it lives with that",
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
    let mut statement = db.prepare_directly(
        "SELECT position, item, incarnation FROM transcriptItems
         WHERE vatID = ? AND position >= ? AND position < ? ORDER BY position",
    )?;
    let range = params![SqlText(&span.vat_id), span.start_pos, span.end_pos];
    let mut rows = statement.query(range)?;
    let mut next = span.start_pos;
    let mut uncounted = 0;
    while let Some(row) = rows.next()? {
        let found = row.get_ref(0)?;
        let Some(position) = integer(found) else {
            check.bad_contents(
                StoreTable::Items,
                "position",
                found,
                "a whole number",
                &check.remedies.replace(),
                |finding| place(finding, &span.vat_id, span.start_pos, span.end_pos),
            );
            continue;
        };
        if position != next {
            items.missing.get_or_insert(next);
            items.gaps += 1;
        }
        next = position.saturating_add(1);
        items.found += 1;
        if integer(row.get_ref(2)?) != Some(span.incarnation) {
            items.incarnation.add(position);
        }
        let item = match row.get_ref(1)? {
            ValueRef::Text(item) => item,
            other => {
                items.are_texts = false;
                let column = format!("the item at {position}");
                let wanted = "a text, without which its span has no hash";
                let remedy = check.remedies.replace();
                check.bad_contents(
                    StoreTable::Items,
                    &column,
                    other,
                    wanted,
                    &remedy,
                    |finding| {
                        place(finding, &span.vat_id, span.start_pos, span.end_pos).at(position)
                    },
                );
                continue;
            }
        };
        if position == span.start_pos {
            items.first = LinkEntry::of(item);
        }
        items.add(check, position, item)?;
        uncounted += item.len() + 1;
        if uncounted >= STEP_BYTES {
            check.monitor.count(uncounted)?;
            check.go_on()?;
            uncounted = 0;
        }
    }
    check.monitor.count(uncounted)?;
    if next < span.end_pos {
        items.missing.get_or_insert(next);
        items.gaps += 1;
    }
    Ok(items)
}

impl Items {
    fn add(&mut self, check: &Check<'_>, position: i64, item: &[u8]) -> Result<()> {
        self.bytes += item.len() as u64;
        if memchr::memchr(b'\n', item).is_some() {
            self.newline.add(position);
        }
        // Far quicker than to look for what hashes take in another way.
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
