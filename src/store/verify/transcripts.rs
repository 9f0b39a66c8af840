//! Checks that the span records of each vat are consistent.
//!
//! One connection reads all records in the order of vats and positions. Other threads check the
//! items of each span.

use rusqlite::params;

use super::check::{Check, MAX_POSITION, bad_mark, check_id, integer, mark, text};
use super::finding::{Finding, FindingKind, StoreTable, brief};
use super::frames;
use super::kernel_vats::KernelVats;
use super::span_job::{SpanJob, place};
use super::stray::{report_strays, report_vats_without_spans};
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::records::mode::ArtifactMode;

/// The state of the walk within a vat.
struct Vat {
    id: Vec<u8>,
    /// The positions and incarnations of its current spans.
    current: Vec<(i64, i64)>,
    /// The first position of the current incarnation.
    incarnation_start: i64,
    /// The end position, exclusive, of the spans so far.
    covered_to: i64,
    last_start: i64,
    last_incarnation: i64,
}

/// Checks all span records, and sends each span for a check of its items.
pub(super) fn walk(
    check: &Check<'_>,
    db: &Database,
    send: &mut dyn FnMut(SpanJob) -> Result<()>,
) -> Result<()> {
    let mut kernel_vats = KernelVats::read(check, db)?;
    let outcome = walk_spans(check, db, &mut kernel_vats, send);
    let complete = check.tolerate(outcome, |finding| finding, StoreTable::Spans)?;
    if complete.is_some() {
        kernel_vats.report_rest(check, db)?;
    }
    if check.has(StoreTable::Items) {
        let outcome = report_vats_without_spans(check, db);
        check.tolerate(outcome, |finding| finding, StoreTable::Items)?;
    }
    if check.has(StoreTable::CompressedItems) && check.has(StoreTable::Items) {
        let outcome = frames::walk(check, db);
        check.tolerate(outcome, |finding| finding, StoreTable::CompressedItems)?;
    }
    Ok(())
}

fn walk_spans(
    check: &Check<'_>,
    db: &Database,
    kernel_vats: &mut KernelVats,
    send: &mut dyn FnMut(SpanJob) -> Result<()>,
) -> Result<()> {
    let mut statement = db.connection()?.prepare(
        "SELECT rowid, vatID, startPos, endPos, hash, isCurrent, incarnation
         FROM transcriptSpans ORDER BY vatID, startPos",
    )?;
    let mut rows = statement.query([])?;
    let mut vat: Option<Vat> = None;
    while let Some(row) = rows.next()? {
        check.go_on()?;
        check.count(|totals| totals.spans.total += 1);
        let columns = (
            text(row.get_ref(1)?),
            integer(row.get_ref(2)?),
            integer(row.get_ref(3)?),
            text(row.get_ref(4)?),
            integer(row.get_ref(6)?),
        );
        let (Some(id), Some(start_pos), Some(end_pos), Some(hash), Some(incarnation)) = columns
        else {
            report_types(check, row)?;
            check.monitor.finish_piece();
            continue;
        };
        let is_current = mark(row.get_ref(5)?);
        if is_current.is_none() {
            let finding = bad_mark(StoreTable::Spans, "isCurrent", row.get_ref(5)?);
            check.add(place(finding, id, start_pos, end_pos));
        }
        if vat.as_ref().is_none_or(|vat| vat.id != id) {
            if let Some(vat) = vat.take() {
                vat.finish(check, db, kernel_vats)?;
            }
            vat = Some(Vat::begin(check, db, id)?);
        }
        let Some(vat) = &mut vat else { continue };
        let span = SpanJob {
            vat_id: id.to_vec(),
            start_pos,
            end_pos,
            hash: hash.to_vec(),
            is_current: is_current.unwrap_or(false),
            incarnation,
            is_needed: vat.needs(check.mode, start_pos, is_current.unwrap_or(false)),
        };
        if vat.fit(check, db, &span)? && check.has(StoreTable::Items) {
            send(span)?;
        } else {
            check.monitor.finish_piece();
        }
    }
    match vat {
        Some(vat) => vat.finish(check, db, kernel_vats),
        None => Ok(()),
    }
}

impl Vat {
    fn begin(check: &Check<'_>, db: &Database, id: &[u8]) -> Result<Vat> {
        check_id(check, "vat ID", id, StoreTable::Spans);
        let current = db.peek_rows(
            "SELECT startPos, incarnation FROM transcriptSpans
             WHERE vatID = ? AND isCurrent = 1 ORDER BY startPos",
            params![SqlText(id)],
            |row| Ok((integer(row.get_ref(0)?), integer(row.get_ref(1)?))),
        )?;
        // A wrong type has its own finding.
        let current: Vec<_> = current
            .into_iter()
            .filter_map(|(start, incarnation)| Some((start?, incarnation?)))
            .collect();
        let incarnation_start = match current.last() {
            Some((start, incarnation)) => {
                let first: Option<Option<i64>> = db.peek_row(
                    "SELECT startPos FROM transcriptSpans
                     WHERE vatID = ? AND incarnation = ? ORDER BY startPos LIMIT 1",
                    params![SqlText(id), incarnation],
                    |row| Ok(integer(row.get_ref(0)?)),
                )?;
                first.flatten().unwrap_or(*start)
            }
            None => i64::MAX,
        };
        if check.has(StoreTable::Items) {
            let before = "AND (position < 0 OR position IS NULL)";
            report_strays(check, db, id, before, params![SqlText(id)])?;
        }
        Ok(Vat {
            id: id.to_vec(),
            current,
            incarnation_start,
            covered_to: 0,
            last_start: i64::MIN,
            last_incarnation: i64::MIN,
        })
    }

    /// Whether an export in this mode requires the span's items.
    fn needs(&self, mode: ArtifactMode, start_pos: i64, is_current: bool) -> bool {
        match mode {
            ArtifactMode::Operational => is_current,
            ArtifactMode::Replay => is_current || start_pos >= self.incarnation_start,
            ArtifactMode::Archival => !self.current.is_empty(),
            ArtifactMode::Debug => false,
        }
    }

    /// Checks a span against the ones before it. Returns false if its bounds are impossible.
    fn fit(&mut self, check: &Check<'_>, db: &Database, span: &SpanJob) -> Result<bool> {
        let (start_pos, end_pos) = (span.start_pos, span.end_pos);
        let add = |kind, message: String| {
            let finding = Finding::new(kind, StoreTable::Spans, message);
            check.add(place(finding, &span.vat_id, start_pos, end_pos));
        };
        let vat = || brief(&self.id);
        if span.incarnation < self.last_incarnation {
            add(
                FindingKind::IncarnationBack,
                format!(
                    "the span has incarnation {} of vat {}, but an earlier span has {}. \
                     Incarnations never decrease; restore the store",
                    span.incarnation,
                    vat(),
                    self.last_incarnation
                ),
            );
        }
        self.last_incarnation = self.last_incarnation.max(span.incarnation);
        self.last_start = start_pos;
        if start_pos < 0 || end_pos < start_pos || end_pos > MAX_POSITION {
            add(
                FindingKind::SpanBounds,
                format!(
                    "the span of vat {} goes from {start_pos} to {end_pos}, which is impossible. \
                     Restore the store",
                    vat()
                ),
            );
            return Ok(false);
        }
        if start_pos > self.covered_to {
            add(
                FindingKind::SpanGap,
                format!(
                    "no span covers the positions {} to {} of vat {}: a record is missing, whose \
                     hash is part of the export data. {}",
                    self.covered_to,
                    start_pos.saturating_sub(1),
                    vat(),
                    check.remedies.add_record()
                ),
            );
            if check.has(StoreTable::Items) {
                let between = "AND position >= ? AND position < ?";
                let range = params![SqlText(&self.id), self.covered_to, start_pos];
                report_strays(check, db, &self.id, between, range)?;
            }
        }
        if start_pos < self.covered_to {
            add(
                FindingKind::SpanOverlap,
                format!(
                    "the span of vat {} starts at {start_pos}, but earlier spans end at {}. \
                     Restore the store",
                    vat(),
                    self.covered_to
                ),
            );
        }
        self.covered_to = self.covered_to.max(end_pos);
        Ok(true)
    }

    /// Checks the vat as a whole, after its last span.
    fn finish(self, check: &Check<'_>, db: &Database, kernel_vats: &mut KernelVats) -> Result<()> {
        let vat = brief(&self.id);
        let is_live = kernel_vats.take(&self.id);
        match self.current[..] {
            // A terminated vat whose data the kernel is deleting.
            [] if !is_live => {}
            [] => {
                let message = format!(
                    "the kernel has not terminated vat {vat}, but the vat has no current span, so \
                     it cannot be loaded. Restore the store"
                );
                let finding =
                    Finding::new(FindingKind::CurrentSpanMissing, StoreTable::Spans, message);
                check.add(finding.of(&self.id));
            }
            [(start_pos, _)] if start_pos < self.last_start => {
                let message = format!(
                    "the current span of vat {vat} starts at {start_pos}, but a later span starts \
                     at {}. Restore the store",
                    self.last_start
                );
                let finding =
                    Finding::new(FindingKind::CurrentSpanNotLast, StoreTable::Spans, message);
                check.add(finding.of(&self.id).at(start_pos));
            }
            [_] => {}
            [(start_pos, _), ..] => {
                let message = format!(
                    "vat {vat} has {} current spans; a kernel would continue an arbitrary one. \
                     Restore the store",
                    self.current.len()
                );
                let finding =
                    Finding::new(FindingKind::CurrentSpanTwice, StoreTable::Spans, message);
                check.add(finding.of(&self.id).at(start_pos));
            }
        }
        if check.has(StoreTable::Items) {
            let after = "AND position >= ?";
            let range = params![SqlText(&self.id), self.covered_to];
            report_strays(check, db, &self.id, after, range)?;
        }
        Ok(())
    }
}

/// Adds a finding for each column that makes a row unusable.
fn report_types(check: &Check<'_>, row: &rusqlite::Row<'_>) -> Result<()> {
    let vat_id = text(row.get_ref(1)?).unwrap_or_default().to_vec();
    let number: i64 = row.get(0)?;
    for (index, column, is_text) in [
        (1, "vatID", true),
        (2, "startPos", false),
        (3, "endPos", false),
        (4, "hash", true),
        (6, "incarnation", false),
    ] {
        let found = row.get_ref(index)?;
        let (is_right, wanted) = if is_text {
            (text(found).is_some(), "a text")
        } else {
            (integer(found).is_some(), "a whole number")
        };
        if !is_right {
            let column = format!("in row {number}, {column}");
            check.bad_value(StoreTable::Spans, &column, found, wanted, |finding| {
                finding.of(&vat_id)
            });
        }
    }
    Ok(())
}
