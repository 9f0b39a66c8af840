//! How large transcripts are.
//!
//! To know that, every row has to be visited, though not its text: SQLite finds an item's length at
//! the beginning of its row. One pass over the whole table in the order of the file is much less
//! work than one for each vat, whose rows lie anywhere. As a history shows one moment only, what
//! was measured once holds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use rusqlite::params;

use super::{History, SpanInfo};
use crate::store::database::sql_text::SqlText;
use crate::store::error::Result;
use crate::store::tasks::lock;
use crate::store::tasks::monitor::{Monitor, Stage};

/// How many rows are visited before others may use the database, and the work may end.
const ROWS_AT_A_TIME: i64 = 2000;

/// The bytes of a vat's items, span by span, by the spans' first positions.
type VatSizes = HashMap<i64, u64>;

/// What was measured so far.
#[derive(Default)]
pub(super) struct Sizes(Mutex<Measured>);

#[derive(Default)]
struct Measured {
    vats: HashMap<String, VatSizes>,
    all: bool,
}

impl Sizes {
    fn lock(&self) -> MutexGuard<'_, Measured> {
        lock::lock(&self.0)
    }

    /// Adds to spans what is known of their sizes.
    pub(super) fn add_to(&self, spans: &mut [SpanInfo]) {
        let measured = self.lock();
        for span in spans {
            span.bytes = match measured.vats.get(&span.vat_id) {
                Some(vat) => Some(vat.get(&span.start_pos).copied().unwrap_or(0)),
                None => measured.all.then_some(0),
            };
        }
    }
}

/// The spans of a vat while their items are being measured.
struct Tally {
    /// Where each span starts and ends, in order, and the bytes so far.
    spans: Vec<(i64, i64, u64)>,
    /// The span that was added to last, which is the likeliest one.
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
            let behind = self
                .spans
                .partition_point(|(start, _, _)| *start <= position);
            self.last = behind.saturating_sub(1);
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
    /// Measures the items of all vats, or of one; from then on spans, incarnations and vats tell
    /// their sizes. This visits every row once, a few million in a second. `monitor` counts rows, or
    /// the spans of the one vat.
    ///
    /// # Errors
    /// [`Error::History`](crate::store::error::Error::History) after [`History::close`];
    /// [`Error::Aborted`](crate::store::error::Error::Aborted); SQLite's errors.
    pub fn measure(&self, vat_id: Option<&str>, monitor: &Monitor) -> Result<()> {
        let known = {
            let measured = self.sizes.lock();
            measured.all || vat_id.is_some_and(|vat_id| measured.vats.contains_key(vat_id))
        };
        if !known {
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
        // Rows are numbered; how many numbers there are is known at once, how many rows is not.
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
                // A rowid may be anything, the greatest one included.
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
        let sizes =
            |(vat_id, tally): (Vec<u8>, Tally)| (super::readable(&vat_id), tally.into_sizes());
        let mut measured = self.sizes.lock();
        measured.vats = tallies.into_iter().map(sizes).collect();
        measured.all = true;
        Ok(())
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
            sizes.insert(span.start_pos, bytes);
            monitor.finish_piece();
            monitor.count(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        }
        self.sizes.lock().vats.insert(vat_id.to_owned(), sizes);
        Ok(())
    }
}
