//! Transcript items: rows of `transcriptItems`, and compressed frames (`compressed_items/`).

use std::ops::Range;

use rusqlite::{Row, params};

use super::Database;
use super::compressed_items::frames;
use super::item_source::{self, ItemVisitor};
use super::sql_text::SqlText;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::records::record::SpanRecord;

impl SpanRecord {
    /// Reads a row of `vatID, startPos, endPos, hash, isCurrent, incarnation`.
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
}

impl Database {
    /// Passes the items from `range.start` to `range.end` (exclusive) to `visitor`, in order, until
    /// it returns false. Returns whether all were passed.
    ///
    /// # Errors
    /// Those of the visitor; [`Error::BadFrame`]; SQLite's errors.
    pub(crate) fn visit_items(
        &self,
        vat_id: &[u8],
        range: Range<i64>,
        visitor: &mut impl ItemVisitor,
    ) -> Result<bool> {
        self.on_connection(|connection| {
            item_source::visit_items(connection, vat_id, range, visitor)
        })
    }

    /// The number of items from `start_pos` to `end_pos`, exclusive.
    pub(crate) fn count_items(&self, vat_id: &[u8], start_pos: i64, end_pos: i64) -> Result<i64> {
        item_source::at_one_commit(self.connection()?, || {
            self.count_at_one_commit(vat_id, start_pos, end_pos)
        })
    }

    fn count_at_one_commit(&self, vat_id: &[u8], start_pos: i64, end_pos: i64) -> Result<i64> {
        let rows = self.count_rows(vat_id, start_pos, end_pos)?;
        let mut found = rows;
        let mut next = start_pos;
        for place in self.frames(vat_id, start_pos..end_pos)? {
            let (from, to) = (place.start_pos.max(next), place.end_pos.min(end_pos));
            if from >= to {
                continue;
            }
            next = to;
            found = found.saturating_add(to.saturating_sub(from));
            if rows > 0 {
                // Of a position that also has a row, only the row counts.
                found -= self.count_whole_rows(vat_id, from, to)?;
            }
        }
        Ok(found)
    }

    fn count_rows(&self, vat_id: &[u8], start_pos: i64, end_pos: i64) -> Result<i64> {
        Ok(self
            .peek_value(
                "SELECT COUNT(*) FROM transcriptItems
                 WHERE vatID = ? AND position >= ? AND position < ?",
                params![SqlText(vat_id), start_pos, end_pos],
            )?
            .unwrap_or(0))
    }

    /// Like [`Database::count_rows`], without rows whose position is not a whole number.
    pub(crate) fn count_whole_rows(
        &self,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
    ) -> Result<i64> {
        Ok(self
            .peek_value(
                "SELECT COUNT(*) FROM transcriptItems
                 WHERE vatID = ? AND position >= ? AND position < ?
                   AND typeof(position) = 'integer'",
                params![SqlText(vat_id), start_pos, end_pos],
            )?
            .unwrap_or(0))
    }

    /// Checks that no item from `start_pos` to `end_pos`, exclusive, is missing.
    ///
    /// # Errors
    /// [`Error::MissingTranscriptItems`].
    pub(crate) fn require_items(&self, vat_id: &[u8], start_pos: i64, end_pos: i64) -> Result<()> {
        let found = self.count_items(vat_id, start_pos, end_pos)?;
        let expected = end_pos.saturating_sub(start_pos);
        if found == expected {
            Ok(())
        } else {
            Err(Error::MissingTranscriptItems { found, expected })
        }
    }

    /// Adds an item's row.
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

    /// Deletes the items from `start_pos` to `end_pos`, exclusive; returns their number.
    pub(crate) fn delete_items(
        &self,
        vat_id: &[u8],
        start_pos: i64,
        end_pos: i64,
    ) -> Result<usize> {
        self.before_change(vat_id, start_pos, end_pos);
        self.remove_items(vat_id, start_pos..end_pos)
    }

    /// Like [`Database::delete_items`], without saving the items for open readers.
    pub(super) fn remove_items(&self, vat_id: &[u8], range: Range<i64>) -> Result<usize> {
        let frames = self.all_frames(vat_id, range.clone())?;
        let mut in_frames = 0;
        if frames.iter().any(|place| place.counts) {
            let found = self.count_items(vat_id, range.start, range.end)?;
            in_frames = found - self.count_rows(vat_id, range.start, range.end)?;
        }
        let (in_part, others): (Vec<_>, Vec<_>) = frames.iter().partition(|place| {
            place.counts && (place.start_pos < range.start || range.end < place.end_pos)
        });
        // This fails for a frame that cannot be read, before anything is changed.
        for place in &in_part {
            self.on_connection(|connection| frames::read(connection, vat_id, place))?;
        }
        for place in in_part {
            self.expand(vat_id, place, range.clone())?;
        }
        for place in others {
            self.delete_frame(place)?;
        }
        let rows = self.run_unbuffered(
            "DELETE FROM transcriptItems WHERE vatID = ? AND position >= ? AND position < ?",
            params![SqlText(vat_id), range.start, range.end],
        )?;
        Ok(rows.saturating_add(usize::try_from(in_frames).unwrap_or(0)))
    }

    /// The position of the first item of a range; `None` if there is none.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn first_item(&self, vat_id: &[u8], range: Range<i64>) -> Result<Option<i64>> {
        let row = self.peek_value::<Option<i64>>(
            "SELECT MIN(position) FROM transcriptItems
             WHERE vatID = ? AND position >= ? AND position < ?",
            params![SqlText(vat_id), range.start, range.end],
        )?;
        let frames = self.frames(vat_id, range.clone())?;
        let framed = frames.first().map(|place| place.start_pos.max(range.start));
        Ok(row.flatten().into_iter().chain(framed).min())
    }

    /// A number that orders ranges by the age of their first items: the rowid of the first row, which
    /// grows in the order of insertion. Ranges with compressed items are older than all others.
    /// `None` if the range has no items.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn age_of_items(&self, vat_id: &[u8], range: Range<i64>) -> Result<Option<i64>> {
        item_source::at_one_commit(self.connection()?, || {
            if let Some(first) = self.frames(vat_id, range.clone())?.first() {
                return Ok(Some(i64::MIN.saturating_add(first.row.max(0))));
            }
            self.first_row(vat_id, range)
        })
    }

    /// The rowid of the first row of a range; `None` if it has no rows.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn first_row(&self, vat_id: &[u8], range: Range<i64>) -> Result<Option<i64>> {
        self.peek_value(
            "SELECT rowid FROM transcriptItems
             WHERE vatID = ? AND position >= ? AND position < ? ORDER BY position LIMIT 1",
            params![SqlText(vat_id), range.start, range.end],
        )
    }

    /// A position within a range at which the items before it are about `rows` rows, or a frame;
    /// `None` if the whole range has no more.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn step_of_items(
        &self,
        vat_id: &[u8],
        range: Range<i64>,
        rows: i64,
    ) -> Result<Option<i64>> {
        // Positions of a span with missing items are not contiguous, so items are counted.
        let after_rows: Option<i64> = self.peek_value(
            "SELECT position FROM transcriptItems
             WHERE vatID = ? AND position >= ? AND position < ?
             ORDER BY position LIMIT 1 OFFSET ?",
            params![SqlText(vat_id), range.start, range.end, rows],
        )?;
        let frames = self.frames(vat_id, range.clone())?;
        let Some(first) = frames.first() else {
            return Ok(after_rows);
        };
        let end = if first.start_pos <= range.start {
            first.end_pos
        } else {
            after_rows.unwrap_or(i64::MAX).min(first.start_pos)
        };
        Ok((end < range.end).then_some(end))
    }
}

#[cfg(test)]
mod tests {
    use crate::store::database::compressed_items::compaction::FrameBuilder;
    use crate::store::substores::{Store, StoreOptions};
    use crate::store::tasks::monitor::Monitor;

    /// A store whose vat `v1` has one historical span of 10 items, in a frame.
    fn compressed() -> Store {
        let mut store = Store::in_memory(StoreOptions::default()).unwrap();
        store.init_transcript(b"v1").unwrap();
        for number in 0..10 {
            let item = format!("item {number}");
            store.add_item(b"v1", item.as_bytes()).unwrap();
        }
        store.rollover(b"v1", false).unwrap();
        store.commit().unwrap();
        let db = store.database().lock();
        let monitor = Monitor::default();
        let spans = db.compressible_spans(None, &monitor).unwrap();
        let mut builder = FrameBuilder::new().unwrap();
        let checked = db.compress_span(&spans[0].0, &mut builder, &monitor);
        for frame in checked.unwrap().frames.unwrap() {
            assert!(db.replace_with_frame(&spans[0].0, &frame).unwrap());
        }
        drop(db);
        store
    }

    #[test]
    fn a_part_of_a_frame_is_deleted_also_without_an_incarnation() {
        let store = compressed();
        let db = store.database().lock();
        db.execute("UPDATE transcriptSpans SET incarnation = NULL WHERE startPos = 0")
            .unwrap();
        assert_eq!(db.delete_items(b"v1", 3, 5).unwrap(), 2);
        assert_eq!(db.count_items(b"v1", 0, 10).unwrap(), 8);
    }

    #[test]
    fn stale_frames_with_bounds_of_any_type_are_deleted() {
        let store = compressed();
        let db = store.database().lock();
        db.execute(
            "INSERT INTO compressedItems VALUES
               ('v1', 1.5, 'x', 0, NULL, NULL, NULL), ('v1', 2, 2.5, 0, NULL, NULL, NULL),
               ('v1', 4, x'00', 0, x'00', 'x', 'x')",
        )
        .unwrap();
        assert_eq!(db.delete_items(b"v1", 0, 10).unwrap(), 10);
        let rows = db.peek_value::<i64>("SELECT COUNT(*) FROM compressedItems", []);
        assert_eq!(rows.unwrap(), Some(0));
    }
}
