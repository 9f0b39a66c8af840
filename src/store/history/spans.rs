//! Spans: the pieces that transcripts are cut into.

use rusqlite::params;
use serde::Serialize;

use super::{History, readable};
use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::error::history::HistoryFault;
use crate::store::records::names;
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::{Monitor, Stage};

/// How much of something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Populated {
    /// All of it; of an empty span, too.
    All,
    /// A part of it.
    Some,
    /// Nothing: it was pruned, or never came with an import.
    None,
}

impl Populated {
    /// For `found` of `expected` items.
    pub(super) fn of(found: i64, expected: i64) -> Populated {
        match found {
            _ if found == expected => Populated::All,
            0 => Populated::None,
            _ => Populated::Some,
        }
    }
}

/// A span.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpanInfo {
    /// the vat
    #[serde(rename = "vatID")]
    pub vat_id: String,
    /// its first position
    pub start_pos: i64,
    /// the position behind its last
    pub end_pos: i64,
    /// the hash over its items
    pub hash: String,
    /// whether the vat goes on adding to it
    pub is_current: bool,
    /// the incarnation that it belongs to
    pub incarnation: i64,
    /// the artifact that has its items
    pub artifact: String,
    /// how many of its items are there
    pub items: i64,
    /// whether that is all of them
    pub populated: Populated,
    /// how many bytes those items have in the file, if that was measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl SpanInfo {
    fn new(record: SpanRecord) -> SpanInfo {
        let artifact = names::span_name(&record.vat_id, record.start_pos, record.end_pos);
        SpanInfo {
            vat_id: readable(&record.vat_id),
            start_pos: record.start_pos,
            end_pos: record.end_pos,
            hash: readable(&record.hash),
            is_current: record.is_current,
            incarnation: record.incarnation,
            artifact: readable(&artifact),
            items: 0,
            populated: Populated::None,
            bytes: None,
        }
    }

    /// How many items it has, whether they are there or not. A damaged store may say anything.
    pub fn length(&self) -> i64 {
        self.end_pos.saturating_sub(self.start_pos).max(0)
    }

    /// The positions of its first and its last item; `None` for an empty span.
    pub(super) fn ends(&self) -> Option<(i64, i64)> {
        (self.length() > 0).then(|| (self.start_pos, self.end_pos.saturating_sub(1)))
    }

    pub(super) fn set_items(&mut self, found: i64) {
        self.items = found;
        self.populated = Populated::of(found, self.length());
    }
}

impl History {
    /// The spans of a vat, the oldest first, without looking at what is there of them.
    pub(super) fn find_spans(&self, vat_id: &str) -> Result<Vec<SpanInfo>> {
        let records = self.ask(|db| {
            db.peek_rows(
                "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation
                 FROM transcriptSpans WHERE vatID = ? ORDER BY startPos",
                params![SqlText(vat_id.as_bytes())],
                SpanRecord::from_row,
            )
        })?;
        Ok(records.into_iter().map(SpanInfo::new).collect())
    }

    /// As [`History::find_spans`], of a vat that has some.
    pub(super) fn span_records(&self, vat_id: &str) -> Result<Vec<SpanInfo>> {
        let spans = self.find_spans(vat_id)?;
        match spans.is_empty() {
            true => Err(HistoryFault::no_vat(vat_id.as_bytes())),
            false => Ok(spans),
        }
    }

    /// The spans of all vats, by vat and position.
    pub(super) fn all_span_records(&self) -> Result<Vec<SpanInfo>> {
        let records = self.ask(|db| {
            db.peek_rows(
                "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation
                 FROM transcriptSpans ORDER BY vatID, startPos",
                [],
                SpanRecord::from_row,
            )
        })?;
        Ok(records.into_iter().map(SpanInfo::new).collect())
    }

    /// The spans of all vats, by vat and position, with what is there of them.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) after [`History::close`];
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn all_spans(&self, monitor: &Monitor) -> Result<Vec<SpanInfo>> {
        let mut spans = self.all_span_records()?;
        self.complete_spans(&mut spans, monitor)?;
        Ok(spans)
    }

    /// Counts the items that are there of each span.
    pub(super) fn count_items(&self, spans: &mut [SpanInfo], monitor: &Monitor) -> Result<()> {
        monitor.add_total(spans.len());
        monitor.begin(Stage::Working);
        for span in spans {
            self.check(monitor)?;
            let vat_id = span.vat_id.as_bytes();
            let found = self.ask(|db| db.count_items(vat_id, span.start_pos, span.end_pos))?;
            span.set_items(found);
            monitor.finish_piece();
        }
        Ok(())
    }

    /// The spans of a vat, the oldest first. Items are counted in an index, without being read.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) if the store has no transcript of the vat;
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn spans(&self, vat_id: &str, monitor: &Monitor) -> Result<Vec<SpanInfo>> {
        let mut spans = self.span_records(vat_id)?;
        self.complete_spans(&mut spans, monitor)?;
        Ok(spans)
    }

    /// Adds what is there of the spans.
    pub(super) fn complete_spans(&self, spans: &mut [SpanInfo], monitor: &Monitor) -> Result<()> {
        self.count_items(spans, monitor)?;
        self.sizes.add_to(spans);
        Ok(())
    }
}
