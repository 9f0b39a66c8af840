//! Incarnations: what a vat was between two upgrades.

use serde::Serialize;

use super::spans::{Populated, SpanInfo};
use super::{Entry, History};
use crate::store::error::Result;
use crate::store::tasks::monitor::Monitor;

/// An incarnation of a vat.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Incarnation {
    /// its number; a vat's first one is 0
    pub incarnation: i64,
    /// its first position
    pub start_pos: i64,
    /// the position behind its last
    pub end_pos: i64,
    /// whether it is the one that goes on
    pub is_current: bool,
    /// how many spans it has
    pub spans: usize,
    /// of how many of them all items are there
    pub populated_spans: usize,
    /// how many of its items are there
    pub items: i64,
    /// how many bytes those items have in the file, if that was measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// whether all its items are there, and no span's record is missing between two others
    pub complete: bool,
    /// what its first item says; `None` if it has none yet
    pub began: Option<Entry>,
    /// what its last item says, unless it goes on
    pub ended: Option<Entry>,
}

/// The spans of each incarnation. Both are in order.
pub(super) fn by_incarnation(spans: &[SpanInfo]) -> impl Iterator<Item = &[SpanInfo]> {
    spans.chunk_by(|one, next| one.incarnation == next.incarnation)
}

/// Where a span does not begin where the one before it ends: that end, and that beginning.
pub(super) fn first_gap(spans: &[SpanInfo]) -> Option<(i64, i64)> {
    spans
        .windows(2)
        .map(|pair| (pair[0].end_pos, pair[1].start_pos))
        .find(|(end, next_start)| end != next_start)
}

impl History {
    /// The incarnations of a vat, the oldest first.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) if the store has no transcript of the vat;
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn incarnations(&self, vat_id: &str, monitor: &Monitor) -> Result<Vec<Incarnation>> {
        let spans = self.spans(vat_id, monitor)?;
        self.incarnations_with(&spans, usize::MAX, monitor)
    }

    /// As [`History::incarnations`], for callers that have the vat's spans; no more than the last
    /// `most`.
    ///
    /// # Errors
    /// As [`History::incarnations`].
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
        let is_whole = |span: &SpanInfo| span.populated == Populated::All;
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
            populated_spans: spans.iter().filter(|span| is_whole(span)).count(),
            items: spans.iter().map(|span| span.items).sum(),
            bytes: sizes.sum(),
            complete: spans.iter().all(is_whole) && first_gap(spans).is_none(),
            began: read(first, false)?,
            ended: match is_current {
                true => None,
                false => read(last, true)?,
            },
        })
    }
}
