//! `transcriptStore`: every delivery to every vat, in order.
//!
//! A vat's transcript is cut into spans by heap snapshots, and into incarnations by upgrades.
//! Each vat has one current span, which grows, and any number of historical ones, whose items
//! may have been pruned while their records stay.

use crate::store::records::span::Span;
use rusqlite::{Row, params};

use super::Store;
use super::export_changes::ExportChanges;
use super::span_reader::SpanReader;
use crate::store::database::Database;
use crate::store::database::sql_text::SqlText;
use crate::store::encoding::hash::{extend_span_hash, initial_span_hash};
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::records::mode::ArtifactMode;
use crate::store::records::names;
use crate::store::records::record::{SpanRecord, described_number};

/// What a deletion within a budget did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// whether nothing is left to delete
    pub done: bool,
    /// how many spans, or snapshots, were deleted
    pub cleanups: usize,
}

/// A vat, a position, and the item there.
pub type ItemRow = (Vec<u8>, i64, Vec<u8>);

/// How many spans or snapshots to delete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Budget {
    All,
    /// A number that SQLite takes for a LIMIT, if it is a whole one.
    AtMost(f64),
}

impl Budget {
    /// `None` and infinity stand for all.
    pub(crate) fn new(budget: Option<f64>) -> Result<Budget> {
        match budget {
            None | Some(f64::INFINITY) => Ok(Budget::All),
            Some(limit) if limit >= 1.0 => Ok(Budget::AtMost(limit)),
            Some(_) => Err(Error::BadBudget),
        }
    }
}

impl SpanRecord {
    /// From a row of `vatID, startPos, endPos, hash, isCurrent, incarnation`.
    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<SpanRecord> {
        Ok(SpanRecord {
            vat_id: wtf8::as_read(row.get_ref(0)?.as_bytes()?).into_owned(),
            start_pos: row.get(1)?,
            end_pos: row.get(2)?,
            hash: wtf8::as_read(row.get_ref(3)?.as_bytes()?).into_owned(),
            is_current: row.get::<_, Option<i64>>(4)?.unwrap_or(0) != 0,
            incarnation: row.get(5)?,
        })
    }

    pub(crate) fn key(&self) -> Vec<u8> {
        names::span_key(&self.vat_id, self.start_pos, self.is_current)
    }

    pub(crate) fn artifact_name(&self) -> Vec<u8> {
        names::span_name(&self.vat_id, self.start_pos, self.end_pos)
    }
}

impl Database {
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

    /// Where a span begins and ends: the one that starts at `start_pos`, or the current one.
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

    fn require_current_span(&self, vat_id: &[u8]) -> Result<Span> {
        self.current_span(vat_id)?
            .ok_or_else(|| Error::NoCurrentTranscript(vat_id.to_vec()))
    }

    /// Stores the new end and hash of a current span.
    fn extend_current_span(&self, record: &SpanRecord) -> Result<()> {
        if !self.is_buffering(&record.vat_id) {
            return self.update_current_span(&record.vat_id, record.end_pos, &record.hash);
        }
        let span = Span {
            start_pos: record.start_pos,
            end_pos: record.end_pos,
            hash: record.hash.clone(),
            incarnation: record.incarnation,
        };
        self.buffer_span(&record.vat_id, &span, true);
        Ok(())
    }

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

    pub(crate) fn insert_item(
        &self,
        vat_id: &[u8],
        position: i64,
        item: &[u8],
        incarnation: i64,
    ) -> Result<()> {
        self.before_change(vat_id, position, position.saturating_add(1));
        self.run_unbuffered(
            "INSERT INTO transcriptItems (vatID, item, position, incarnation)
             VALUES (?, ?, ?, ?)",
            params![SqlText(vat_id), SqlText(item), position, incarnation],
        )?;
        Ok(())
    }

    /// Deletes the items from `start_pos` up to, not including, `end_pos`; returns how many.
    pub(crate) fn delete_items(
        &self,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
    ) -> Result<usize> {
        self.before_change(vat_id, start_pos, end_pos);
        self.run_unbuffered(
            "DELETE FROM transcriptItems WHERE vatID = ? AND position >= ? AND position < ?",
            params![SqlText(vat_id), start_pos, end_pos],
        )
    }

    pub(crate) fn count_items(&self, vat_id: &[u8], start_pos: i64, end_pos: i64) -> Result<i64> {
        Ok(self
            .peek_value(
                "SELECT COUNT(*) FROM transcriptItems
                 WHERE vatID = ? AND position >= ? AND position < ?",
                params![SqlText(vat_id), start_pos, end_pos],
            )?
            .unwrap_or(0))
    }

    /// Fails unless all items are there from `start_pos` up to, not including, `end_pos`.
    ///
    /// # Errors
    /// [`Error::MissingTranscriptItems`].
    pub(crate) fn require_items(&self, vat_id: &[u8], start_pos: i64, end_pos: i64) -> Result<()> {
        let found = self.count_items(vat_id, start_pos, end_pos)?;
        let expected = end_pos.saturating_sub(start_pos);
        match found == expected {
            true => Ok(()),
            false => Err(Error::MissingTranscriptItems { found, expected }),
        }
    }

    fn has_spans(&self, vat_id: &[u8]) -> Result<bool> {
        Ok(self
            .value::<i64>(
                "SELECT 1 FROM transcriptSpans WHERE vatID = ? LIMIT 1",
                params![SqlText(vat_id)],
            )?
            .is_some())
    }

    pub(crate) fn incarnation_start(&self, vat_id: &[u8], incarnation: i64) -> Result<Option<i64>> {
        self.value(
            "SELECT startPos FROM transcriptSpans
             WHERE vatID = ? AND incarnation = ? ORDER BY startPos LIMIT 1",
            params![SqlText(vat_id), incarnation],
        )
    }

    pub(crate) fn current_spans(&self) -> Result<Vec<SpanRecord>> {
        self.rows(
            "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation FROM transcriptSpans
             WHERE isCurrent = 1 ORDER BY vatID, startPos",
            [],
            SpanRecord::from_row,
        )
    }

    /// The span record that starts at a position, in whatever way SQL may compare it.
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

    /// The spans that an export in this mode carries, or would carry if they were complete.
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

    /// The artifacts that an export in this mode carries. Modes other than `debug` presume that
    /// the store was checked to be complete.
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
    /// Gives a vat a transcript, with one empty current span.
    ///
    /// # Errors
    /// SQLite's `SQLITE_CONSTRAINT_…` if it has one.
    pub fn init_transcript(&mut self, vat_id: &[u8]) -> Result<()> {
        let span = SpanRecord {
            vat_id: vat_id.to_vec(),
            start_pos: 0,
            end_pos: 0,
            hash: initial_span_hash().into_bytes(),
            is_current: true,
            incarnation: 0,
        };
        self.atomically(|db, notes, _| {
            db.insert_span(&span)?;
            notes.set(db, &span.key(), span.to_json())
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
            // The one step that can fail comes first.
            return append_item(&db, &mut self.export_changes, vat_id, &span, item);
        }
        drop(db);
        self.atomically(|db, notes, _| append_item(db, notes, vat_id, &span, item))
    }

    /// A reader of the span that starts at `start_pos`, or of the current one.
    ///
    /// # Errors
    /// [`Error::NoCurrentTranscript`]; [`Error::NoTranscriptSpan`]; [`Error::NegativePosition`].
    pub fn read_span(&self, vat_id: &[u8], start_pos: Option<f64>) -> Result<SpanReader> {
        let db = self.db.lock();
        let (start, end) = db.span_bounds(vat_id, start_pos)?;
        if start == end || db.in_transaction() {
            return Ok(SpanReader::new(&self.db, &db, vat_id, start, end, true));
        }
        // From now on, others may delete what the span has.
        let view = db.span_view();
        let (start, end) = match &view {
            Some(view) => view.with(|db| db.span_bounds(vat_id, start_pos))?,
            None => (start, end),
        };
        Ok(SpanReader::new(&self.db, &db, vat_id, start, end, true).protected(&db, view))
    }

    /// The name of a vat's current span, and a reader of it, for an archive to be written before
    /// the span ends. `None` if the vat has no current span.
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

    /// Ends a vat's current span and begins a new one, in a new incarnation if the vat was
    /// upgraded. Returns the incarnation of the new span.
    ///
    /// # Errors
    /// [`Error::NoCurrentTranscript`].
    pub fn rollover(&mut self, vat_id: &[u8], new_incarnation: bool) -> Result<i64> {
        let keep_items = self.keep_transcripts;
        self.atomically(|db, notes, _| {
            let old = db.require_current_span(vat_id)?;
            let incarnation = old.incarnation.saturating_add(i64::from(new_incarnation));
            let closed = closed_span(vat_id, &old);
            notes.set(db, &closed.key(), closed.to_json())?;
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
            notes.set(db, &new.key(), new.to_json())?;
            Ok(incarnation)
        })
    }

    /// Ends a vat's current span without beginning another, because the vat is terminated. Does
    /// nothing if it has none.
    pub fn stop_using_transcript(&mut self, vat_id: &[u8]) -> Result<()> {
        let keep_items = self.keep_transcripts;
        self.atomically(|db, notes, _| {
            let Some(span) = db.current_span(vat_id)? else {
                return Ok(());
            };
            let closed = closed_span(vat_id, &span);
            notes.set(db, &closed.key(), closed.to_json())?;
            end_current_span(db, &closed, keep_items)?;
            notes.delete(db, &names::span_key(vat_id, 0, true))
        })
    }

    /// Deletes a vat's spans, the newest first, with their items: all of them, or at most
    /// `budget`.
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
            // In one step that can't be refused after another. With a savepoint, SQLite would copy
            // every page that it takes items from.
            return delete_spans(&mut db, &mut self.export_changes, vat_id, budget);
        }
        drop(db);
        self.atomically(|db, notes, _| delete_spans(db, notes, vat_id, budget))
    }

    /// Readers of all spans of a vat, in order, whether complete or not.
    pub fn read_full_vat_transcript(&self, vat_id: &[u8]) -> Result<Vec<SpanReader>> {
        let db = self.db.lock();
        let spans = |db: &Database| -> Result<Vec<(i64, i64)>> {
            db.rows(
                "SELECT startPos, endPos FROM transcriptSpans WHERE vatID = ? ORDER BY startPos",
                params![SqlText(vat_id)],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        };
        let view = match db.in_transaction() {
            true => None,
            false => db.span_view(),
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

    /// All items that lie in a span, or those of current spans only.
    pub fn dump_transcripts(&self, include_historical: bool) -> Result<Vec<ItemRow>> {
        self.db.lock().rows(
            "SELECT i.vatID, i.position, i.item FROM transcriptSpans s
             JOIN transcriptItems i ON i.vatID = s.vatID
               AND s.startPos <= i.position AND i.position < s.endPos
             WHERE ? OR s.isCurrent = 1
             ORDER BY s.vatID, s.startPos, i.position",
            params![include_historical],
            |row| {
                Ok((
                    row.get_ref(0)?.as_bytes()?.to_vec(),
                    row.get(1)?,
                    row.get_ref(2)?.as_bytes()?.to_vec(),
                ))
            },
        )
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

    /// The names of the span artifacts that an export in this mode carries.
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
    notes: &mut ExportChanges,
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
    notes.set(db, &record.key(), record.to_json())
}

/// Deletes a vat's spans with their items, the newest first.
fn delete_spans(
    db: &mut Database,
    notes: &mut ExportChanges,
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
    let spans = match budget {
        Budget::All => db.rows(
            "SELECT startPos, endPos, isCurrent FROM transcriptSpans
             WHERE vatID = ? ORDER BY startPos",
            params![SqlText(vat_id)],
            place,
        )?,
        // The newest first: if the current span is still there, it goes first, and the vat
        // is no longer part of exports.
        Budget::AtMost(limit) => db.rows(
            "SELECT startPos, endPos, isCurrent FROM transcriptSpans
             WHERE vatID = ? ORDER BY startPos DESC LIMIT ?",
            params![SqlText(vat_id), limit],
            place,
        )?,
    };
    if budget == Budget::All {
        db.before_change(vat_id, i64::MIN, i64::MAX);
        for table in ["transcriptItems", "transcriptSpans"] {
            db.run(
                &format!("DELETE FROM {table} WHERE vatID = ?"),
                params![SqlText(vat_id)],
            )?;
        }
    }
    for (start_pos, end_pos, current) in &spans {
        notes.delete(db, &names::span_key(vat_id, *start_pos, *current))?;
        if budget != Budget::All {
            db.run(
                "DELETE FROM transcriptSpans WHERE vatID = ? AND startPos = ?",
                params![SqlText(vat_id), start_pos],
            )?;
            db.delete_items(vat_id, *start_pos, *end_pos)?;
        }
    }
    Ok(Deletion {
        done: budget == Budget::All || spans.is_empty() || !db.has_spans(vat_id)?,
        cleanups: spans.len(),
    })
}

/// The record of a span that has just ended.
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

/// Makes a vat's current span a historical one, and prunes it unless items are kept. Older spans
/// that still have items are left alone: deleting them here would take too long at once.
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
    // An exporter's transaction protects it already.
    let view = match db.in_transaction() {
        true => None,
        false => db.span_view(),
    };
    let span = match &view {
        Some(view) => view.with(find)?,
        None => find(&db)?,
    };
    let reader = SpanReader::new(shared, &db, vat_id, span.start_pos, span.end_pos, true);
    Ok(reader.protected(&db, view))
}

/// Describes the end of a span that is not where an artifact's name says.
pub(crate) fn end_pos_mismatch(found: i64, named: f64) -> Error {
    Error::NotSame {
        actual: described_number(found as f64),
        expected: described_number(named),
    }
}
