//! Incarnations: the periods of a vat between upgrades.

use serde::Serialize;

use super::entry::Entry;
use super::handle::History;
use super::spans::{Populated, SpanInfo};
use crate::store::error::Result;
use crate::store::tasks::monitor::Monitor;

/// An incarnation of a vat.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Incarnation {
    /// Its number; the first incarnation of a vat is 0.
    pub incarnation: i64,
    /// Its first position.
    pub start_pos: i64,
    /// Its end position, exclusive.
    pub end_pos: i64,
    /// Whether it is the vat's current incarnation.
    pub is_current: bool,
    /// The number of its spans.
    pub spans: usize,
    /// The number of spans whose items are all present.
    pub populated_spans: usize,
    /// The number of items present.
    pub items: i64,
    /// The size of those items in bytes, if measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether all its items are present and no span's record is missing between two others.
    pub complete: bool,
    /// Its first item; `None` if it has none yet.
    pub began: Option<Entry>,
    /// Its last item; `None` for the current incarnation.
    pub ended: Option<Entry>,
}

/// Groups spans by incarnation, in order.
pub(super) fn by_incarnation(spans: &[SpanInfo]) -> impl Iterator<Item = &[SpanInfo]> {
    spans.chunk_by(|one, next| one.incarnation == next.incarnation)
}

/// Returns the first gap between two spans: the end of one, and the start of the next.
pub(super) fn first_gap(spans: &[SpanInfo]) -> Option<(i64, i64)> {
    spans
        .windows(2)
        .map(|pair| (pair[0].end_pos, pair[1].start_pos))
        .find(|(end, next_start)| end != next_start)
}

impl History {
    /// Returns the incarnations of a vat, oldest first.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) if the store has no transcript of the vat;
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn incarnations(&self, vat_id: &str, monitor: &Monitor) -> Result<Vec<Incarnation>> {
        let spans = self.spans(vat_id, monitor)?;
        self.incarnations_with(&spans, usize::MAX, monitor)
    }

    /// Like [`History::incarnations`], but takes the vat's spans, and returns only the last `most`
    /// incarnations.
    ///
    /// # Errors
    /// The errors of [`History::incarnations`].
    pub fn incarnations_with(
        &self,
        spans: &[SpanInfo],
        most: usize,
        monitor: &Monitor,
    ) -> Result<Vec<Incarnation>> {
        let skipped = by_incarnation(spans).count().saturating_sub(most);
        let incarnation = |spans| {
            self.check(monitor)?;
            self.incarnation(spans)
        };
        by_incarnation(spans)
            .skip(skipped)
            .map(incarnation)
            .collect()
    }

    fn incarnation(&self, spans: &[SpanInfo]) -> Result<Incarnation> {
        let is_complete = |span: &SpanInfo| span.populated == Populated::All;
        let is_current = spans.iter().any(|span| span.is_current);
        let first = spans.iter().find(|span| span.length() > 0);
        let last = spans.iter().rev().find(|span| span.length() > 0);
        let read = |span: Option<&SpanInfo>, last: bool| match span {
            Some(span) => {
                let (start, end) = (span.start_pos, span.end_pos.saturating_sub(1));
                let position = if last { end } else { start };
                self.ask(|db| Entry::read(db, span, position)).map(Some)
            }
            None => Ok(None),
        };
        let sizes = spans.iter().map(|span| span.bytes);
        Ok(Incarnation {
            incarnation: spans.first().map_or(0, |span| span.incarnation),
            start_pos: spans.first().map_or(0, |span| span.start_pos),
            end_pos: spans.last().map_or(0, |span| span.end_pos),
            is_current,
            spans: spans.len(),
            populated_spans: spans.iter().filter(|span| is_complete(span)).count(),
            items: spans.iter().map(|span| span.items).sum(),
            bytes: sizes.sum(),
            complete: spans.iter().all(is_complete) && first_gap(spans).is_none(),
            began: read(first, false)?,
            ended: if is_current { None } else { read(last, true)? },
        })
    }
}
