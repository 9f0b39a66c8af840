//! Measures transcripts.
//!
//! The row of a frame of compressed items says how large its items are. Every other row has to be
//! visited, but not its text: SQLite stores an item's length at the start of
//! the row. One pass over the whole table in file order is much faster than one pass per vat, whose
//! rows are spread over the file. A history never changes, so a measurement stays valid.

use std::collections::HashMap;

use rusqlite::params;

use super::handle::{History, readable};
use super::size_cache::VatSizes;
use super::spans::SpanInfo;
use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::tasks::monitor::{Monitor, Stage};

/// How many rows are read before the lock is released and an abort is checked.
const ROWS_AT_A_TIME: i64 = 2000;

/// The spans of a vat during a measurement.
struct Tally {
    /// The start, end and size so far of each span, in order.
    spans: Vec<(i64, i64, u64)>,
    /// The span of the previous item, which is likely that of the next one.
    last: usize,
}

impl Tally {
    fn new(spans: &[SpanInfo]) -> Tally {
        let empty = |span: &SpanInfo| (span.start_pos, span.end_pos, 0);
        Tally {
            spans: spans.iter().map(empty).collect(),
            last: 0,
        }
    }

    fn add(&mut self, position: i64, bytes: u64) {
        let has = |(start, end, _): &(i64, i64, u64)| (*start..*end).contains(&position);
        if !self.spans.get(self.last).is_some_and(has) {
            let after = self
                .spans
                .partition_point(|(start, _, _)| *start <= position);
            self.last = after.saturating_sub(1);
        }
        if let Some(span) = self.spans.get_mut(self.last).filter(|span| has(span)) {
            span.2 += bytes;
        }
    }

    fn into_sizes(self) -> VatSizes {
        let sizes = self.spans.into_iter();
        sizes.map(|(start, _, bytes)| (start, bytes)).collect()
    }
}

impl History {
    /// Measures the items of one vat, or of all. Later calls return spans, incarnations and vats
    /// with their sizes. Visits every row once, at a few million rows per second. `monitor` counts
    /// rows, or the spans of the one vat.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) after [`History::close`];
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn measure(&self, vat_id: Option<&str>, monitor: &Monitor) -> Result<()> {
        if !self.sizes().has(vat_id) {
            match vat_id {
                Some(vat_id) => self.measure_vat(vat_id, monitor)?,
                None => self.measure_all(monitor)?,
            }
        }
        Ok(())
    }

    fn measure_all(&self, monitor: &Monitor) -> Result<()> {
        let spans = self.all_span_records()?;
        let mut tallies: HashMap<Vec<u8>, Tally> = spans
            .chunk_by(|one, next| one.vat_id == next.vat_id)
            .map(|spans| (spans[0].vat_id.clone().into_bytes(), Tally::new(spans)))
            .collect();
        // Progress is measured in rowids: their range is known, the number of rows is not.
        let ends: Option<(Option<i64>, Option<i64>)> = self.ask(|db| {
            db.peek_row(
                "SELECT (SELECT rowid FROM transcriptItems ORDER BY rowid LIMIT 1),
                        (SELECT rowid FROM transcriptItems ORDER BY rowid DESC LIMIT 1)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })?;
        if let Some((Some(first), Some(last))) = ends {
            let total = last.abs_diff(first).saturating_add(1);
            monitor.add_total(usize::try_from(total).unwrap_or(usize::MAX));
        }
        monitor.begin(Stage::Working);
        let mut before = ends.and_then(|(first, _)| first?.checked_sub(1));
        let mut after = None;
        loop {
            self.check(monitor)?;
            let (rows, bytes) = self.ask(|db| {
                let mut statement = db.prepare_directly(
                    "SELECT rowid, vatID, position, octet_length(item) FROM transcriptItems
                     WHERE rowid >= ?1 ORDER BY rowid LIMIT ?2",
                )?;
                // Any integer may be a rowid, including the greatest one.
                let start = match after {
                    None => i64::MIN,
                    Some(i64::MAX) => return Ok((0, 0)),
                    Some(after) => after + 1,
                };
                let mut rows = statement.query(params![start, ROWS_AT_A_TIME])?;
                let (mut count, mut bytes) = (0, 0);
                while let Some(row) = rows.next()? {
                    after = Some(row.get(0)?);
                    count += 1;
                    let size = row.get::<_, Option<u32>>(3)?.map_or(0, u64::from);
                    bytes += size;
                    let vat_id = row.get_ref(1)?.as_bytes_or_null()?.unwrap_or_default();
                    let position = row.get_ref(2)?.as_i64();
                    if let (Some(tally), Ok(position)) = (tallies.get_mut(vat_id), position) {
                        tally.add(position, size);
                    }
                }
                Ok((count, bytes))
            })?;
            if let Some(after) = after {
                monitor.finish_pieces(after.abs_diff(before.unwrap_or(after)));
                before = Some(after);
            }
            monitor.count(usize::try_from(bytes).unwrap_or(usize::MAX))?;
            if rows < ROWS_AT_A_TIME as u64 {
                break;
            }
        }
        for span in spans.iter().filter(|span| !span.is_current) {
            self.check(monitor)?;
            let bytes = self.compressed_bytes(span)?;
            if let Some(tally) = tallies.get_mut(span.vat_id.as_bytes()) {
                tally.add(span.start_pos, bytes);
            }
            monitor.count(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        }
        let sizes = |(vat_id, tally): (Vec<u8>, Tally)| (readable(&vat_id), tally.into_sizes());
        self.sizes()
            .set_all(tallies.into_iter().map(sizes).collect());
        Ok(())
    }

    /// The size of the compressed items of a span, uncompressed.
    fn compressed_bytes(&self, span: &SpanInfo) -> Result<u64> {
        let range = span.start_pos..span.end_pos;
        self.ask(|db| db.bytes_in_frames(span.vat_id.as_bytes(), range))
    }

    fn measure_vat(&self, vat_id: &str, monitor: &Monitor) -> Result<()> {
        let spans = self.find_spans(vat_id)?;
        monitor.add_total(spans.len());
        monitor.begin(Stage::Working);
        let mut sizes = VatSizes::new();
        for span in &spans {
            self.check(monitor)?;
            let bytes: Option<i64> = self.ask(|db| {
                let sum = db.peek_value::<Option<i64>>(
                    "SELECT SUM(octet_length(item)) FROM transcriptItems
                     WHERE vatID = ? AND position >= ? AND position < ?",
                    params![SqlText(vat_id.as_bytes()), span.start_pos, span.end_pos],
                )?;
                Ok(sum.flatten())
            })?;
            let bytes = u64::try_from(bytes.unwrap_or(0)).unwrap_or(0);
            let bytes = bytes.saturating_add(self.compressed_bytes(span)?);
            sizes.insert(span.start_pos, bytes);
            monitor.finish_piece();
            monitor.count(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        }
        self.sizes().set(vat_id, sizes);
        Ok(())
    }
}
