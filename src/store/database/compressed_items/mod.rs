//! The table `compressedItems`: historical transcript items in compressed frames.
//!
//! The reference does not know the table. It is created when something is compressed first, so a
//! store that compresses nothing has the reference's format exactly.
//!
//! An item is in a row of `transcriptItems` or in a frame. If it is in both, the row counts: compaction
//! of interleaved items adds frames first, and then deletes rows in the order of the file. A frame
//! counts only if a historical span with the frame's vat, start and hash covers it. The hash chain
//! determines the items of a span, so whatever the reference does to records and rows meanwhile, a
//! frame that counts has the right items. Other frames are *stale*: reading ignores them, and
//! [`Database::drop_stale_frames`] deletes them.
//!
//! `database/transcript_items.rs` reads and deletes items wherever they are.

pub(crate) mod compaction;
pub(crate) mod frame;
pub(crate) mod frames;

use std::ops::Range;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::Database;
use super::item_source::StoredItem;
use super::schema::COMPRESSED_ITEMS;
use super::sql_text::{SqlBlob, SqlText};
use crate::store::error::{Error, Result};
use crate::store::records::record::SpanRecord;
use frame::Frame;
use frames::{FramePlace, stale_sql};

/// A compressed frame of items of a span, to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewFrame {
    pub(crate) start_pos: i64,
    /// The end position, exclusive.
    pub(crate) end_pos: i64,
    /// The size of the items, in bytes.
    pub(crate) item_bytes: usize,
    pub(crate) frame: Vec<u8>,
}

impl Database {
    /// Whether the table exists.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn has_compressed_items(&self) -> Result<bool> {
        self.on_connection(frames::exist)
    }

    /// Creates the table if it does not exist.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn create_compressed_items(&self) -> Result<()> {
        if self.has_compressed_items()? {
            return Ok(());
        }
        self.run_unbuffered(COMPRESSED_ITEMS, [])?;
        Ok(())
    }

    /// The frames that count and overlap a range of positions, in order.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn frames(&self, vat_id: &[u8], range: Range<i64>) -> Result<Vec<FramePlace>> {
        self.on_connection(|connection| frames::find(connection, vat_id, range))
    }

    /// All frames that overlap a range of positions, including stale ones.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(super) fn all_frames(&self, vat_id: &[u8], range: Range<i64>) -> Result<Vec<FramePlace>> {
        self.on_connection(|connection| frames::find_all(connection, vat_id, range))
    }

    /// Runs queries that need no flush of the write buffer.
    pub(super) fn on_connection<T>(&self, ask: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        ask(self.connection()?).inspect_err(|error| self.notice_failure(error))
    }

    /// The size of the items of a range that are in frames and not in rows. A frame that cannot be
    /// read has the size that its row says, or none.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn bytes_in_frames(&self, vat_id: &[u8], range: Range<i64>) -> Result<u64> {
        let mut bytes = 0;
        for place in self.frames(vat_id, range.clone())? {
            let own = place.start_pos.max(range.start)..place.end_pos.min(range.end);
            let is_whole = own == (place.start_pos..place.end_pos)
                && self.count_whole_rows(vat_id, own.start, own.end)? == 0;
            if is_whole {
                let size: Option<i64> = self.peek_value(
                    "SELECT itemBytes FROM compressedItems WHERE rowid = ?",
                    [place.row],
                )?;
                bytes += size.map_or(0, |size| u64::try_from(size).unwrap_or(0));
                continue;
            }
            let visited = self.visit_items(vat_id, own, &mut |found: StoredItem<'_>| {
                if let (Some(_), ValueRef::Text(item)) = (found.left_in_frame, found.item) {
                    bytes += item.len() as u64;
                }
                Ok(true)
            });
            match visited {
                Ok(_) | Err(Error::BadFrame { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    /// Stores a frame of a historical span, in place of its items. Returns false, and changes
    /// nothing, if the span's record or the items are no longer the same.
    ///
    /// The caller has checked all items of the span against its hash.
    ///
    /// # Errors
    /// SQLite's errors; [`Error::BadFrame`] if an unreadable frame overlaps the new one.
    pub(crate) fn replace_with_frame(&self, span: &SpanRecord, new: &NewFrame) -> Result<bool> {
        let Some(hash) = self.hash_if_unchanged(span, new)? else {
            return Ok(false);
        };
        // Open readers find the same items in the frame.
        self.remove_items(&span.vat_id, new.start_pos..new.end_pos)?;
        self.add_frame(span, &hash, new)?;
        Ok(true)
    }

    /// Like [`Database::replace_with_frame`], but leaves the rows, which count until
    /// [`Database::delete_framed_rows`] or [`Database::delete_row`] deletes them. If frames overlap the
    /// new one, replaces the items at once.
    ///
    /// # Errors
    /// Those of [`Database::replace_with_frame`].
    pub(crate) fn add_frame_of_rows(&self, span: &SpanRecord, new: &NewFrame) -> Result<bool> {
        let others = self.all_frames(&span.vat_id, new.start_pos..new.end_pos)?;
        if others.iter().any(|place| place.counts) {
            return self.replace_with_frame(span, new);
        }
        let Some(hash) = self.hash_if_unchanged(span, new)? else {
            return Ok(false);
        };
        for stale in &others {
            self.delete_frame(stale)?;
        }
        self.add_frame(span, &hash, new)?;
        Ok(true)
    }

    /// The hash of a span; `None` unless its record is the same, and its store has all items of a new
    /// frame as the frame restores them.
    fn hash_if_unchanged(&self, span: &SpanRecord, new: &NewFrame) -> Result<Option<[u8; 32]>> {
        let (vat_id, start_pos, end_pos) = (&span.vat_id, new.start_pos, new.end_pos);
        let Some(hash) = hash_bytes(&span.hash) else {
            return Ok(None);
        };
        let is_same = self.is_historical(span)?
            && self.count_items(vat_id, start_pos, end_pos)? == end_pos.saturating_sub(start_pos)
            && !self.has_odd_rows(vat_id, start_pos..end_pos, span.incarnation)?;
        Ok(is_same.then_some(hash))
    }

    /// Whether a span still has this record, and is historical.
    fn is_historical(&self, span: &SpanRecord) -> Result<bool> {
        let found = self.record(&span.vat_id, span.start_pos)?;
        Ok(!span.is_current && found.as_ref() == Some(span))
    }

    /// The positions of a historical span that are in frames; none if its record has changed.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn framed_ranges(&self, span: &SpanRecord) -> Result<Vec<Range<i64>>> {
        if !self.is_historical(span)? {
            return Ok(Vec::new());
        }
        let frames = self.frames(&span.vat_id, span.start_pos..span.end_pos)?;
        Ok(frames
            .iter()
            .map(|place| place.start_pos..place.end_pos)
            .collect())
    }

    /// Those of [`Database::framed_ranges`] that also have rows.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn framed_ranges_with_rows(&self, span: &SpanRecord) -> Result<Vec<Range<i64>>> {
        let mut with_rows = Vec::new();
        for range in self.framed_ranges(span)? {
            if self.count_whole_rows(&span.vat_id, range.start, range.end)? > 0 {
                with_rows.push(range);
            }
        }
        Ok(with_rows)
    }

    /// Deletes the rows of a range that [`Database::framed_ranges`] returned. Leaves them alone if the
    /// frame or the span's record has changed since.
    ///
    /// The caller has checked the items of the frames against the span's hash.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn delete_framed_rows(&self, span: &SpanRecord, range: &Range<i64>) -> Result<()> {
        if self.framed_ranges(span)?.contains(range) {
            // Open readers find the same items in the frame.
            self.run_unbuffered(
                "DELETE FROM transcriptItems
                 WHERE vatID = ? AND position >= ? AND position < ?
                   AND typeof(position) = 'integer'",
                params![SqlText(&span.vat_id), range.start, range.end],
            )?;
        }
        Ok(())
    }

    /// The number of rows in a range that is in a frame that are not what expanding the frame would
    /// restore. If there is no such frame, or it cannot be read, all rows count.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn count_rows_unlike_frame(&self, vat_id: &[u8], range: &Range<i64>) -> Result<i64> {
        let rows = self.count_whole_rows(vat_id, range.start, range.end)?;
        if rows == 0 {
            return Ok(0);
        }
        let frames = self.frames(vat_id, range.clone())?;
        let place = frames
            .iter()
            .find(|place| place.start_pos == range.start && place.end_pos == range.end);
        let Some(place) = place else { return Ok(rows) };
        let frame = match self.on_connection(|connection| frames::read(connection, vat_id, place)) {
            Ok(frame) => frame,
            Err(Error::BadFrame { .. }) => return Ok(rows),
            Err(error) => return Err(error),
        };
        let mut unlike = 0;
        let mut statement = self.prepare_directly(
            "SELECT position, item, incarnation FROM transcriptItems
             WHERE vatID = ? AND position >= ? AND position < ? AND typeof(position) = 'integer'",
        )?;
        let mut found = statement.query(params![SqlText(vat_id), range.start, range.end])?;
        while let Some(row) = found.next()? {
            let position: i64 = row.get(0)?;
            let index = usize::try_from(position.abs_diff(range.start)).unwrap_or(usize::MAX);
            let is_same = match row.get_ref(1)? {
                ValueRef::Text(item) => frame.item(index) == Some(item),
                _ => false,
            };
            let is_same = is_same && row.get::<_, Option<i64>>(2)? == place.incarnation;
            unlike += i64::from(!is_same);
        }
        Ok(unlike)
    }

    /// Adds a frame of items that a historical span lacks, as [`Database::insert_item`] adds an item.
    /// If the record's hash is malformed, adds rows.
    ///
    /// # Errors
    /// SQLite's `SQLITE_CONSTRAINT_…` if the span has one of the items; SQLite's errors.
    pub(crate) fn insert_frame(&self, span: &SpanRecord, new: &NewFrame) -> Result<()> {
        let has_items = self.count_items(&span.vat_id, new.start_pos, new.end_pos)? > 0;
        if let Some(hash) = hash_bytes(&span.hash)
            && !has_items
        {
            self.before_change(&span.vat_id, new.start_pos, new.end_pos);
            self.remove_items(&span.vat_id, new.start_pos..new.end_pos)?;
            return self.add_frame(span, &hash, new);
        }
        let count = new.end_pos.saturating_sub(new.start_pos);
        let frame = Frame::read(&new.frame, count).map_err(Error::Internal)?;
        for (position, index) in (new.start_pos..new.end_pos).zip(0..) {
            let item = frame.item(index).unwrap_or_default();
            self.insert_item(&span.vat_id, position, item, span.incarnation)?;
        }
        Ok(())
    }

    fn add_frame(&self, span: &SpanRecord, hash: &[u8], new: &NewFrame) -> Result<()> {
        self.create_compressed_items()?;
        self.run_unbuffered(
            "INSERT INTO compressedItems
               (vatID, startPos, endPos, spanStart, spanHash, itemBytes, frame)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                SqlText(&span.vat_id),
                new.start_pos,
                new.end_pos,
                span.start_pos,
                SqlBlob(hash),
                i64::try_from(new.item_bytes).unwrap_or(i64::MAX),
                SqlBlob(&new.frame),
            ],
        )?;
        Ok(())
    }

    /// The size of a frame, in bytes.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn frame_bytes(&self, place: &FramePlace) -> Result<u64> {
        let length: Option<i64> = self.peek_value(
            "SELECT length(frame) FROM compressedItems WHERE rowid = ?",
            [place.row],
        )?;
        Ok(length.map_or(0, i64::unsigned_abs))
    }

    /// Replaces all frames that overlap a range by rows.
    ///
    /// # Errors
    /// [`Error::BadFrame`]; SQLite's errors.
    pub(crate) fn expand_items(&self, vat_id: &[u8], range: Range<i64>) -> Result<()> {
        for place in self.frames(vat_id, range)? {
            self.expand(vat_id, &place, i64::MAX..i64::MAX)?;
        }
        Ok(())
    }

    /// Replaces a frame by rows, except for positions in `except`. A position that has a row keeps
    /// it. Returns the number of items and of their bytes.
    ///
    /// # Errors
    /// [`Error::BadFrame`], before anything is changed; SQLite's errors.
    pub(crate) fn expand(
        &self,
        vat_id: &[u8],
        place: &FramePlace,
        except: Range<i64>,
    ) -> Result<(u64, u64)> {
        let frame = self.on_connection(|connection| frames::read(connection, vat_id, place))?;
        let (mut items, mut bytes) = (0, 0);
        for (position, index) in (place.start_pos..place.end_pos).zip(0..) {
            if except.contains(&position) {
                continue;
            }
            let item = frame.item(index).unwrap_or_default();
            self.run_unbuffered(
                "INSERT INTO transcriptItems (vatID, item, position, incarnation)
                 VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                params![SqlText(vat_id), SqlText(item), position, place.incarnation],
            )?;
            items += 1;
            bytes += item.len() as u64;
        }
        self.delete_frame(place)?;
        Ok((items, bytes))
    }

    pub(super) fn delete_frame(&self, place: &FramePlace) -> Result<()> {
        self.run_unbuffered("DELETE FROM compressedItems WHERE rowid = ?", [place.row])?;
        Ok(())
    }

    /// Deletes all frames of a vat.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn delete_frames_of(&self, vat_id: &[u8]) -> Result<()> {
        if self.has_compressed_items()? {
            self.run_unbuffered(
                "DELETE FROM compressedItems WHERE vatID = ?",
                params![SqlText(vat_id)],
            )?;
        }
        Ok(())
    }

    /// Deletes stale frames, and returns their number. Reads an index, and not the frames.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn drop_stale_frames(&self) -> Result<usize> {
        if !self.has_compressed_items()? {
            return Ok(0);
        }
        self.run_unbuffered(
            &format!(
                "DELETE FROM compressedItems WHERE rowid IN ({})",
                stale_sql()
            ),
            [],
        )
    }

    /// The rowids of stale frames.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn stale_frames(&self) -> Result<Vec<i64>> {
        if !self.has_compressed_items()? {
            return Ok(Vec::new());
        }
        self.peek_rows(&stale_sql(), [], |row| row.get(0))
    }

    /// Deletes a frame if it is stale.
    ///
    /// # Errors
    /// SQLite's errors.
    pub(crate) fn drop_if_stale(&self, row: i64) -> Result<()> {
        self.run_unbuffered(
            &format!(
                "DELETE FROM compressedItems WHERE rowid IN ({} AND f.rowid = ?)",
                stale_sql()
            ),
            [row],
        )?;
        Ok(())
    }

    /// The record of a span, without flushing the write buffer, which has no historical spans.
    fn record(&self, vat_id: &[u8], start_pos: i64) -> Result<Option<SpanRecord>> {
        self.peek_row(
            "SELECT vatID, startPos, endPos, hash, isCurrent, incarnation FROM transcriptSpans
             WHERE vatID = ? AND startPos = ?",
            params![SqlText(vat_id), start_pos],
            SpanRecord::from_row,
        )
    }

    /// Whether a row of a range is not what expanding a frame would restore.
    fn has_odd_rows(&self, vat_id: &[u8], range: Range<i64>, incarnation: i64) -> Result<bool> {
        Ok(self
            .peek_value::<i64>(
                "SELECT 1 FROM transcriptItems
                 WHERE vatID = ? AND position >= ? AND position < ?
                   AND (typeof(item) <> 'text' OR typeof(position) <> 'integer'
                     OR incarnation IS NOT ?) LIMIT 1",
                params![SqlText(vat_id), range.start, range.end, incarnation],
            )?
            .is_some())
    }
}

/// The 32 bytes of a hash in hexadecimal digits, lower case; `None` for another text.
pub(crate) fn hash_bytes(hash: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if hash.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(hash.chunks(2)) {
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(bytes)
}
