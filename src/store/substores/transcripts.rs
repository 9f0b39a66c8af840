//! `transcriptStore`: the deliveries to each vat, in order.
//!
//! Heap snapshots divide a vat's transcript into spans; upgrades divide it into incarnations. A vat
//! has one current span, to which items are added, and any number of historical spans. Pruning
//! deletes the items of historical spans and keeps their records.

use rusqlite::{Row, params};

use super::export_changes::ExportChanges;
use super::span_reader::SpanReader;
use super::{HistoricalSpans, Store};
use crate::store::database::Database;
use crate::store::database::item_source::ItemSource;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::hash::{extend_span_hash, initial_span_hash};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::log;
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::record::{SpanRecord, described_number};
use crate::store::records::span::Span;

/// The result of a deletion with a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// whether nothing is left to delete
    pub done: bool,
    /// how many spans, or snapshots, were deleted
    pub cleanups: usize,
}

/// A vat ID, a position, and the item at this position.
pub type ItemRow = (Vec<u8>, i64, Vec<u8>);

/// How many spans or snapshots to delete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Budget {
    All,
    /// At least 1. SQLite refuses a number that is not an integer as a LIMIT.
    AtMost(f64),
}

impl Budget {
    /// Converts a JavaScript number, or its absence. `None` and infinity mean all.
    pub(crate) fn new(budget: Option<f64>) -> Result<Budget> {
        match budget {
            None | Some(f64::INFINITY) => Ok(Budget::All),
            Some(limit) if limit >= 1.0 => Ok(Budget::AtMost(limit)),
            Some(_) => Err(Error::BadBudget),
        }
    }

    /// The order in which to select the rows to delete, and the LIMIT of the query. A limited
    /// deletion begins with the newest rows: its first step deletes the vat's current span, so that
    /// exports no longer contain the vat.
    pub(crate) fn order_and_limit(self) -> (&'static str, f64) {
        match self {
            // SQLite takes a negative LIMIT as none.
            Budget::All => ("ASC", -1.0),
            Budget::AtMost(limit) => ("DESC", limit),
        }
    }
}

impl SpanRecord {
    /// The key of its export record.
    pub(crate) fn key(&self) -> Vec<u8> {
        names::span_key(&self.vat_id, self.start_pos, self.is_current)
    }

    /// The name of its artifact.
    pub(crate) fn artifact_name(&self) -> Vec<u8> {
        names::span_name(&self.vat_id, self.start_pos, self.end_pos)
    }
}

impl Database {
    /// A vat's current span, from the write buffer or the table; `None` if it has none.
    pub(crate) fn current_span(&self, vat_id: &[u8]) -> Result<Option<Span>> {
        self.connection()?;
        if let Some(span) = self.buffered_span(vat_id) {
            return Ok(Some(span));
        }
        let span = self.peek_row(
            "SELECT startPos, endPos, hash, incarnation FROM transcriptSpans
             WHERE vatID = ? AND isCurrent = 1",
            params![SqlText(vat_id)],
            |row| {
                Ok(Span {
                    start_pos: row.get(0)?,
                    end_pos: row.get(1)?,
                    hash: wtf8::as_read(row.get_ref(2)?.as_bytes()?).into_owned(),
                    incarnation: row.get(3)?,
                })
            },
        )?;
        if let Some(span) = &span {
            self.buffer_span(vat_id, span, false);
        }
        Ok(span)
    }

    /// The start position and the end position, exclusive, of the span that starts at `start_pos`,
    /// or of the current span.
    fn span_bounds(&self, vat_id: &[u8], start_pos: Option<f64>) -> Result<(i64, i64)> {
        let (start_pos, end_pos) = match start_pos {
            None => {
                let span = self.require_current_span(vat_id)?;
                (span.start_pos, span.end_pos)
            }
            Some(start_pos) => {
                if start_pos.is_nan() || start_pos < 0.0 {
                    return Err(Error::NegativePosition);
                }
                let end_pos = self.value::<i64>(
                    "SELECT endPos FROM transcriptSpans WHERE vatID = ? AND startPos = ?",
                    params![SqlText(vat_id), start_pos],
                )?;
                let end_pos = end_pos.ok_or_else(|| Error::NoTranscriptSpan {
                    vat_id: vat_id.to_vec(),
                    start_pos,
                })?;
                (start_pos as i64, end_pos)
            }
        };
        if start_pos > end_pos {
            return Err(Error::SpanEndsBeforeStart { start_pos, end_pos });
        }
        Ok((start_pos, end_pos))
    }

    /// A vat's current span.
    ///
    /// # Errors
    /// [`Error::NoCurrentTranscript`].
    fn require_current_span(&self, vat_id: &[u8]) -> Result<Span> {
        self.current_span(vat_id)?
            .ok_or_else(|| Error::NoCurrentTranscript(vat_id.to_vec()))
    }

    /// Stores the new end position and hash of a current span.
    fn extend_current_span(&self, record: &SpanRecord) -> Result<()> {
        let is_buffering = self.is_buffering(&record.vat_id);
        if !is_buffering {
            self.update_current_span(&record.vat_id, record.end_pos, &record.hash)?;
        }
        let span = Span {
            start_pos: record.start_pos,
            end_pos: record.end_pos,
            hash: record.hash.clone(),
            incarnation: record.incarnation,
        };
        // Even if SQL has it, since the buffer may have the span as it was.
        self.buffer_span(&record.vat_id, &span, is_buffering);
        Ok(())
    }

    /// Adds a span's row.
    pub(crate) fn insert_span(&self, span: &SpanRecord) -> Result<()> {
        self.run(
            "INSERT INTO transcriptSpans (vatID, startPos, endPos, hash, isCurrent, incarnation)
             VALUES (?, ?, ?, ?, ?, ?)",
            params![
                SqlText(&span.vat_id),
                span.start_pos,
                span.end_pos,
                SqlText(&span.hash),
                span.is_current.then_some(1),
                span.incarnation,
            ],
        )?;
        Ok(())
    }

    /// Whether a vat has any spans.
    pub(crate) fn has_spans(&self, vat_id: &[u8]) -> Result<bool> {
        Ok(self
            .value::<i64>(
                "SELECT 1 FROM transcriptSpans WHERE vatID = ? LIMIT 1",
                params![SqlText(vat_id)],
            )?
            .is_some())
    }

    /// The position at which a vat's incarnation starts; `None` if it has no spans.
    pub(crate) fn incarnation_start(&self, vat_id: &[u8], incarnation: i64) -> Result<Option<i64>> {
        self.value(
            "SELECT startPos FROM transcriptSpans
             WHERE vatID = ? AND incarnation = ? ORDER BY startPos LIMIT 1",
            params![SqlText(vat_id), incarnation],
        )
    }

    /// The current spans of all vats.
    pub(crate) fn current_spans(&self) -> Result<Vec<SpanRecord>> {
        self.rows(
            "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation FROM transcriptSpans
             WHERE isCurrent = 1 ORDER BY vatID, startPos",
            [],
            SpanRecord::from_row,
        )
    }

    /// The span that starts at a position, which SQL compares as a number or as text.
    pub(crate) fn span_at(
        &self,
        vat_id: &[u8],
        start_pos: impl rusqlite::ToSql,
    ) -> Result<Option<SpanRecord>> {
        self.row(
            "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation FROM transcriptSpans
             WHERE vatID = ? AND startPos = ?",
            params![SqlText(vat_id), start_pos],
            SpanRecord::from_row,
        )
    }

    /// The spans of an export in this mode, incomplete spans included.
    pub(crate) fn spans_of_mode(&self, mode: ArtifactMode) -> Result<Vec<SpanRecord>> {
        const COLUMNS: &str = "s.vatID, s.startPos, s.endPos, s.hash, s.isCurrent, s.incarnation";
        let of_live_vats = "JOIN transcriptSpans c ON c.vatID = s.vatID AND c.isCurrent = 1";
        let condition = match mode {
            ArtifactMode::Operational => "WHERE s.isCurrent = 1".to_owned(),
            ArtifactMode::Replay => format!("{of_live_vats} WHERE s.incarnation = c.incarnation"),
            ArtifactMode::Archival => of_live_vats.to_owned(),
            ArtifactMode::Debug => String::new(),
        };
        self.rows(
            &format!(
                "SELECT {COLUMNS} FROM transcriptSpans s {condition}
                 ORDER BY s.vatID, s.startPos"
            ),
            [],
            SpanRecord::from_row,
        )
    }

    /// The names of the span artifacts of an export in this mode. In `debug` mode, incomplete spans
    /// are omitted; in other modes, the caller has checked that no items are missing.
    pub(crate) fn span_names(&self, mode: ArtifactMode) -> Result<Vec<Vec<u8>>> {
        let spans = self.spans_of_mode(mode)?;
        let mut names = Vec::with_capacity(spans.len());
        for span in spans {
            let length = span.end_pos.saturating_sub(span.start_pos);
            if mode != ArtifactMode::Debug
                || self.count_items(&span.vat_id, span.start_pos, span.end_pos)? == length
            {
                names.push(span.artifact_name());
            }
        }
        Ok(names)
    }
}

impl Store {
    /// Creates a vat's transcript, with one empty current span.
    ///
    /// # Errors
    /// SQLite's `SQLITE_CONSTRAINT_…` if the vat has a transcript.
    pub fn init_transcript(&mut self, vat_id: &[u8]) -> Result<()> {
        let span = SpanRecord {
            vat_id: vat_id.to_vec(),
            start_pos: 0,
            end_pos: 0,
            hash: initial_span_hash().into_bytes(),
            is_current: true,
            incarnation: 0,
        };
        self.atomically(|db, changes, _| {
            db.insert_span(&span)?;
            changes.set(db, &span.key(), span.to_json())
        })
    }

    /// A vat's current span.
    ///
    /// # Errors
    /// [`Error::NoCurrentTranscript`].
    pub fn get_current_span_bounds(&self, vat_id: &[u8]) -> Result<Span> {
        self.db.lock().require_current_span(vat_id)
    }

    /// Appends an item to a vat's current span.
    ///
    /// # Errors
    /// [`Error::NoCurrentTranscript`].
    pub fn add_item(&mut self, vat_id: &[u8], item: &[u8]) -> Result<()> {
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        let span = db.require_current_span(vat_id)?;
        if db.is_buffering(vat_id) {
            // Only the first step can fail.
            return append_item(&db, &mut self.export_changes, vat_id, &span, item);
        }
        drop(db);
        self.atomically(|db, changes, _| append_item(db, changes, vat_id, &span, item))
    }

    /// A reader of the span that starts at `start_pos`, or of the current span.
    ///
    /// # Errors
    /// [`Error::NoCurrentTranscript`]; [`Error::NoTranscriptSpan`]; [`Error::NegativePosition`].
    pub fn read_span(&self, vat_id: &[u8], start_pos: Option<f64>) -> Result<SpanReader> {
        let db = self.db.lock();
        let (start, end) = db.span_bounds(vat_id, start_pos)?;
        if start == end || db.in_transaction() {
            return Ok(SpanReader::new(&self.db, &db, vat_id, start, end, true));
        }
        // Outside a transaction, another process may delete the span's items.
        let view = db.span_view();
        let (start, end) = match &view {
            Some(view) => view.with(|db| db.span_bounds(vat_id, start_pos))?,
            None => (start, end),
        };
        Ok(SpanReader::new(&self.db, &db, vat_id, start, end, true).protected(&db, view))
    }

    /// The name and a reader of a vat's current span, for archiving the span before it ends. `None`
    /// if the vat has no current span.
    pub fn current_span_archive(&self, vat_id: &[u8]) -> Result<Option<(Vec<u8>, SpanReader)>> {
        let db = self.db.lock();
        let Some(span) = db.current_span(vat_id)? else {
            return Ok(None);
        };
        let Span {
            start_pos, end_pos, ..
        } = span;
        let reader = SpanReader::new(&self.db, &db, vat_id, start_pos, end_pos, true);
        Ok(Some((names::span_name(vat_id, start_pos, end_pos), reader)))
    }

    /// Ends a vat's current span and starts a new one, in a new incarnation if the vat was
    /// upgraded. Returns the incarnation of the new span.
    ///
    /// # Errors
    /// [`Error::NoCurrentTranscript`].
    pub fn rollover(&mut self, vat_id: &[u8], new_incarnation: bool) -> Result<i64> {
        let keep_items = self.keep_transcripts;
        let (closed, incarnation) = self.atomically(|db, changes, _| {
            let old = db.require_current_span(vat_id)?;
            let incarnation = old.incarnation.saturating_add(i64::from(new_incarnation));
            let closed = closed_span(vat_id, &old);
            changes.set(db, &closed.key(), closed.to_json())?;
            end_current_span(db, &closed, keep_items)?;
            let new = SpanRecord {
                vat_id: vat_id.to_vec(),
                start_pos: old.end_pos,
                end_pos: old.end_pos,
                hash: initial_span_hash().into_bytes(),
                is_current: true,
                incarnation,
            };
            db.insert_span(&new)?;
            changes.set(db, &new.key(), new.to_json())?;
            Ok((closed, incarnation))
        })?;
        self.span_ended(&closed);
        Ok(incarnation)
    }

    /// Ends the current span, if any, of a terminated vat.
    pub fn stop_using_transcript(&mut self, vat_id: &[u8]) -> Result<()> {
        let keep_items = self.keep_transcripts;
        let closed = self.atomically(|db, changes, _| {
            let Some(span) = db.current_span(vat_id)? else {
                return Ok(None);
            };
            let closed = closed_span(vat_id, &span);
            changes.set(db, &closed.key(), closed.to_json())?;
            end_current_span(db, &closed, keep_items)?;
            changes.delete(db, &names::span_key(vat_id, 0, true))?;
            Ok(Some(closed))
        })?;
        if let Some(closed) = closed {
            self.span_ended(&closed);
        }
        Ok(())
    }

    /// Counts a span that has ended, and starts to compress it if the store does that.
    fn span_ended(&mut self, span: &SpanRecord) {
        self.count_ended_span();
        log::debug!(
            "span",
            "ended a span",
            span = log::text(&span.artifact_name())
        );
        if self.keep_transcripts && self.historical_spans == HistoricalSpans::Compressed {
            // A span that cannot be read stays as it is.
            drop(self.ended_spans.add(&self.db.lock(), span));
        }
    }

    /// Deletes a vat's spans with their items: all of them, or at most `budget`, newest first.
    ///
    /// # Errors
    /// [`Error::BadBudget`]; SQLite's `SQLITE_MISMATCH` for a budget that is not a whole number.
    pub fn delete_vat_transcripts(
        &mut self,
        vat_id: &[u8],
        budget: Option<f64>,
    ) -> Result<Deletion> {
        let mut db = self.db.lock();
        self.ensure_txn(&db)?;
        let budget = Budget::new(budget)?;
        if budget == Budget::All && db.is_buffering(vat_id) {
            // With a write buffer, no step after the first can fail, so that no savepoint is
            // needed. With one, SQLite would copy every page that it deletes items from.
            return delete_spans(&mut db, &mut self.export_changes, vat_id, budget);
        }
        drop(db);
        self.atomically(|db, changes, _| delete_spans(db, changes, vat_id, budget))
    }

    /// Readers of all spans of a vat, in order, incomplete spans included.
    pub fn read_full_vat_transcript(&self, vat_id: &[u8]) -> Result<Vec<SpanReader>> {
        let db = self.db.lock();
        let spans = |db: &Database| -> Result<Vec<(i64, i64)>> {
            db.rows(
                "SELECT startPos, endPos FROM transcriptSpans WHERE vatID = ? ORDER BY startPos",
                params![SqlText(vat_id)],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        };
        let view = if db.in_transaction() {
            None
        } else {
            db.span_view()
        };
        let spans = match &view {
            Some(view) => view.with(spans)?,
            None => spans(&db)?,
        };
        let reader = |(start, end)| {
            SpanReader::new(&self.db, &db, vat_id, start, end, false).protected(&db, view.clone())
        };
        Ok(spans.into_iter().map(reader).collect())
    }

    /// The items of all spans, or of the current spans only.
    pub fn dump_transcripts(&self, include_historical: bool) -> Result<Vec<ItemRow>> {
        let db = self.db.lock();
        let spans = db.rows(
            "SELECT vatID, startPos, endPos FROM transcriptSpans
             WHERE ? OR isCurrent = 1 ORDER BY vatID, startPos",
            params![include_historical],
            |row| {
                let vat_id = row.get_ref(0)?.as_bytes()?.to_vec();
                Ok((vat_id, row.get(1)?, row.get(2)?))
            },
        )?;
        let mut items = Vec::new();
        for (vat_id, start_pos, end_pos) in spans {
            db.read_items(&vat_id, start_pos..end_pos, &mut |position, item, _| {
                items.push((vat_id.clone(), position, item.to_vec()));
                true
            })?;
        }
        Ok(items)
    }

    /// Whether any vat has a current span.
    pub fn has_current_spans(&self) -> Result<bool> {
        Ok(self
            .db
            .lock()
            .value::<i64>(
                "SELECT 1 FROM transcriptSpans WHERE isCurrent = 1 LIMIT 1",
                [],
            )?
            .is_some())
    }

    /// The names of the span artifacts of an export in this mode.
    pub fn span_names(&self, mode: ArtifactMode) -> Result<Vec<Vec<u8>>> {
        self.db.lock().span_names(mode)
    }

    /// A reader of the span artifact of this name.
    ///
    /// # Errors
    /// [`Error::NotTranscriptName`]; [`Error::SpanNotAvailable`].
    pub fn export_span(&self, name: &[u8]) -> Result<SpanReader> {
        export_span(&self.db, name)
    }
}

/// Appends an item to a vat's current span.
fn append_item(
    db: &Database,
    changes: &mut ExportChanges,
    vat_id: &[u8],
    span: &Span,
    item: &[u8],
) -> Result<()> {
    db.insert_item(vat_id, span.end_pos, item, span.incarnation)?;
    let record = SpanRecord {
        vat_id: vat_id.to_vec(),
        start_pos: span.start_pos,
        end_pos: span.end_pos.saturating_add(1),
        hash: extend_span_hash(&span.hash, &wtf8::for_hash(item)).into_bytes(),
        is_current: true,
        incarnation: span.incarnation,
    };
    db.extend_current_span(&record)?;
    changes.set(db, &record.key(), record.to_json())
}

/// Deletes a vat's spans with their items and records.
fn delete_spans(
    db: &mut Database,
    changes: &mut ExportChanges,
    vat_id: &[u8],
    budget: Budget,
) -> Result<Deletion> {
    let place = |row: &Row<'_>| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, Option<i64>>(2)?.is_some(),
        ))
    };
    let (order, limit) = budget.order_and_limit();
    let spans = db.rows(
        &format!(
            "SELECT startPos, endPos, isCurrent FROM transcriptSpans
             WHERE vatID = ? ORDER BY startPos {order} LIMIT ?"
        ),
        params![SqlText(vat_id), limit],
        place,
    )?;
    if budget == Budget::All {
        db.before_change(vat_id, i64::MIN, i64::MAX);
        db.delete_frames_of(vat_id)?;
        for table in ["transcriptItems", "transcriptSpans"] {
            db.run(
                &format!("DELETE FROM {table} WHERE vatID = ?"),
                params![SqlText(vat_id)],
            )?;
        }
    }
    for (start_pos, end_pos, current) in &spans {
        changes.delete(db, &names::span_key(vat_id, *start_pos, *current))?;
        if budget != Budget::All {
            // The items first: compressed items count only as long as their span has a record, and
            // open readers may need them.
            db.delete_items(vat_id, *start_pos, *end_pos)?;
            db.run(
                "DELETE FROM transcriptSpans WHERE vatID = ? AND startPos = ?",
                params![SqlText(vat_id), start_pos],
            )?;
        }
    }
    Ok(Deletion {
        done: budget == Budget::All || !db.has_spans(vat_id)?,
        cleanups: spans.len(),
    })
}

/// The record of a current span after its end.
fn closed_span(vat_id: &[u8], span: &Span) -> SpanRecord {
    SpanRecord {
        vat_id: vat_id.to_vec(),
        start_pos: span.start_pos,
        end_pos: span.end_pos,
        hash: span.hash.clone(),
        is_current: false,
        incarnation: span.incarnation,
    }
}

/// Turns a vat's current span into a historical one, and prunes it unless `keep_items`. Older spans
/// keep their items: deleting them all in one block would take too long.
fn end_current_span(db: &mut Database, span: &SpanRecord, keep_items: bool) -> Result<()> {
    db.run(
        "UPDATE transcriptSpans SET isCurrent = NULL WHERE isCurrent = 1 AND vatID = ?",
        params![SqlText(&span.vat_id)],
    )?;
    if !keep_items {
        db.delete_items(&span.vat_id, span.start_pos, span.end_pos)?;
    }
    Ok(())
}

/// A reader of the span artifact of this name.
pub(crate) fn export_span(
    shared: &crate::store::database::SharedDatabase,
    name: &[u8],
) -> Result<SpanReader> {
    let (vat_id, start_pos, _) =
        names::parse_span_name(name).ok_or_else(|| Error::NotTranscriptName {
            name: name.to_vec(),
            double_quoted: false,
        })?;
    let db = shared.lock();
    let find = |db: &Database| {
        let span = db
            .span_at(vat_id, SqlText(start_pos))?
            .ok_or_else(|| Error::SpanNotAvailable(name.to_vec()))?;
        if span.start_pos > span.end_pos {
            return Err(Error::SpanEndsBeforeStart {
                start_pos: span.start_pos,
                end_pos: span.end_pos,
            });
        }
        Ok(span)
    };
    // In an exporter's transaction, nothing changes.
    let view = if db.in_transaction() {
        None
    } else {
        db.span_view()
    };
    let span = match &view {
        Some(view) => view.with(find)?,
        None => find(&db)?,
    };
    let reader = SpanReader::new(shared, &db, vat_id, span.start_pos, span.end_pos, true);
    Ok(reader.protected(&db, view))
}

/// The error for a span whose end position differs from the one in its artifact's name.
pub(crate) fn end_pos_mismatch(found: i64, named: f64) -> Error {
    Error::NotSame {
        actual: described_number(found as f64),
        expected: described_number(named),
    }
}
