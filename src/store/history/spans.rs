//! Spans: the pieces of transcripts.

use rusqlite::params;
use serde::Serialize;

use super::handle::{History, readable};
use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::error::history::Fault;
use crate::store::records::names;
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::{Monitor, Stage};

/// Whether contents are present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Populated {
    /// All contents are present. An empty span counts as complete.
    All,
    /// Some contents are present.
    Some,
    /// No contents are present: they were pruned, or never imported.
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
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SpanInfo {
    /// The vat.
    #[serde(rename = "vatID")]
    pub vat_id: String,
    /// Its first position.
    pub start_pos: i64,
    /// Its end position, exclusive.
    pub end_pos: i64,
    /// The hash of its items.
    pub hash: String,
    /// Whether it is the vat's current span.
    pub is_current: bool,
    /// Its incarnation.
    pub incarnation: i64,
    /// The name of its artifact.
    pub artifact: String,
    /// The number of items present.
    pub items: i64,
    /// Whether all items are present.
    pub populated: Populated,
    /// The size of those items in bytes, if measured.
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

    /// The number of its items, whether present or not. Positions of a damaged store may be
    /// arbitrary.
    pub fn length(&self) -> i64 {
        self.end_pos.saturating_sub(self.start_pos).max(0)
    }

    /// The positions of its first and last item; `None` for an empty span.
    pub(super) fn ends(&self) -> Option<(i64, i64)> {
        (self.length() > 0).then(|| (self.start_pos, self.end_pos.saturating_sub(1)))
    }

    pub(super) fn set_items(&mut self, found: i64) {
        self.items = found;
        self.populated = Populated::of(found, self.length());
    }
}

impl History {
    /// Returns the spans of a vat, oldest first, without counting their items.
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

    /// Like [`History::find_spans`], but fails if the vat has no spans.
    pub(super) fn span_records(&self, vat_id: &str) -> Result<Vec<SpanInfo>> {
        let spans = self.find_spans(vat_id)?;
        if spans.is_empty() {
            return Err(Fault::no_vat(vat_id.as_bytes()));
        }
        Ok(spans)
    }

    /// Returns the spans of all vats in the order of vats and positions, without counting their
    /// items.
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

    /// Returns the spans of all vats in the order of vats and positions.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) after [`History::close`];
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn all_spans(&self, monitor: &Monitor) -> Result<Vec<SpanInfo>> {
        let mut spans = self.all_span_records()?;
        self.complete_spans(&mut spans, monitor)?;
        Ok(spans)
    }

    /// Counts the items of each span.
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

    /// Returns the spans of a vat, oldest first. Counts items in an index, without reading them.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) if the store has no transcript of the vat;
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn spans(&self, vat_id: &str, monitor: &Monitor) -> Result<Vec<SpanInfo>> {
        let mut spans = self.span_records(vat_id)?;
        self.complete_spans(&mut spans, monitor)?;
        Ok(spans)
    }

    /// Counts the items of each span, and adds sizes that were measured.
    pub(super) fn complete_spans(&self, spans: &mut [SpanInfo], monitor: &Monitor) -> Result<()> {
        self.count_items(spans, monitor)?;
        for span in spans {
            span.bytes = self.sizes().of_span(&span.vat_id, span.start_pos);
        }
        Ok(())
    }
}
