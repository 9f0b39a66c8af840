//! Compresses the items of historical spans.
//!
//! Compression deletes the rows, so all items of a span are first checked against the span's hash.
//! Only items that expanding restores exactly are compressed: texts at whole positions with the
//! incarnation of their span. Others stay rows.

use std::ops::Range;

use rusqlite::types::ValueRef;

use super::frame::FrameWriter;
use super::{NewFrame, frames, hash_bytes};
use crate::store::database::Database;
use crate::store::database::item_source::{self, ItemVisitor, StoredItem};
use crate::store::encoding::hash::SpanHash;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::records::record::SpanRecord;
use crate::store::tasks::monitor::Monitor;

/// How many bytes of frames of one span are held in memory. The frames of a larger span are
/// compressed again, one by one, after the span was checked.
const MAX_HELD_BYTES: usize = 8 << 20;

/// Combines consecutive items into frames.
pub(crate) struct FrameBuilder {
    writer: FrameWriter,
    /// The positions of the items in the writer.
    start_pos: i64,
    next_pos: i64,
}

impl FrameBuilder {
    /// A builder without items.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no memory for a compressor.
    pub(crate) fn new() -> Result<FrameBuilder> {
        Ok(FrameBuilder {
            writer: FrameWriter::new()?,
            start_pos: 0,
            next_pos: 0,
        })
    }

    /// Adds an item. Returns the frame of the items before it if that is complete.
    ///
    /// # Errors
    /// Those of [`FrameWriter::finish`].
    pub(crate) fn add(&mut self, position: i64, item: &[u8]) -> Result<Option<NewFrame>> {
        let continues = position == self.next_pos && self.writer.has_room(item.len());
        let complete = if continues { None } else { self.finish()? };
        if self.writer.is_empty() {
            self.start_pos = position;
        }
        self.writer.add(item);
        self.next_pos = position.saturating_add(1);
        Ok(complete)
    }

    /// Returns the frame of the items so far; `None` without items.
    ///
    /// # Errors
    /// Those of [`FrameWriter::finish`].
    pub(crate) fn finish(&mut self) -> Result<Option<NewFrame>> {
        if self.writer.is_empty() {
            return Ok(None);
        }
        let item_bytes = self.writer.bytes();
        Ok(Some(NewFrame {
            start_pos: self.start_pos,
            end_pos: self.next_pos,
            item_bytes,
            frame: self.writer.finish()?,
        }))
    }

    /// Drops the items so far.
    pub(crate) fn clear(&mut self) {
        self.writer.clear();
    }
}

/// Whether a span can be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanState {
    /// All items are present and match the hash.
    Sound,
    /// Items are missing.
    Incomplete,
    /// An item, or the record, was changed.
    Damaged,
}

/// A span whose items were checked.
pub(crate) struct CheckedSpan {
    pub(crate) state: SpanState,
    /// The frames of all rows that can be compressed; `None` if the frames are too large to be held,
    /// or if the span is not sound.
    pub(crate) frames: Option<Vec<NewFrame>>,
    /// Which items were checked.
    pub(crate) checked: ItemCopy,
}

/// Which item is meant if one is in a row and in a frame, as an interrupted compaction leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemCopy {
    Row,
    Frame,
}

/// Collects the frames of a span while its items are hashed.
pub(crate) struct SpanCheck {
    hash: SpanHash,
    /// The position of the next item.
    next_pos: i64,
    state: SpanState,
    frames: Option<Vec<NewFrame>>,
    held_bytes: usize,
    checked: ItemCopy,
}

impl SpanCheck {
    /// Starts to check the items of a span.
    pub(crate) fn new(span: &SpanRecord, checked: ItemCopy) -> SpanCheck {
        SpanCheck {
            hash: SpanHash::initial(),
            next_pos: span.start_pos,
            state: SpanState::Sound,
            frames: Some(Vec::new()),
            held_bytes: 0,
            checked,
        }
    }

    /// The position of the next item.
    pub(crate) fn next_pos(&self) -> i64 {
        self.next_pos
    }

    /// Whether the span may still be sound.
    pub(crate) fn is_sound(&self) -> bool {
        self.state == SpanState::Sound
    }

    /// Adds the next item. Returns whether the span may still be sound.
    ///
    /// # Errors
    /// Those of [`FrameBuilder::add`].
    pub(crate) fn add(
        &mut self,
        span: &SpanRecord,
        found: &StoredItem<'_>,
        builder: &mut FrameBuilder,
    ) -> Result<bool> {
        match (found.position, found.item) {
            (ValueRef::Integer(position), ValueRef::Text(item)) if position == self.next_pos => {
                match std::str::from_utf8(item) {
                    Ok(_) => self.hash.extend(item),
                    Err(_) => self.hash.extend(&wtf8::for_hash(item)),
                }
                self.next_pos += 1;
                if self.frames.is_some() && is_compressible(span, found) {
                    let complete = builder.add(position, item)?;
                    self.hold(complete);
                }
            }
            (ValueRef::Integer(position), ValueRef::Text(_)) if position > self.next_pos => {
                self.state = SpanState::Incomplete;
            }
            _ => self.state = SpanState::Damaged,
        }
        Ok(self.state == SpanState::Sound)
    }

    fn hold(&mut self, frame: Option<NewFrame>) {
        let (Some(frames), Some(frame)) = (&mut self.frames, frame) else {
            return;
        };
        self.held_bytes += frame.frame.len();
        frames.push(frame);
        if self.held_bytes > MAX_HELD_BYTES {
            self.frames = None;
        }
    }

    /// Records that a frame of the span cannot be read.
    pub(crate) fn set_damaged(&mut self) {
        self.state = SpanState::Damaged;
    }

    /// Ends the check after the last item.
    ///
    /// # Errors
    /// Those of [`FrameBuilder::finish`].
    pub(crate) fn finish(
        mut self,
        span: &SpanRecord,
        builder: &mut FrameBuilder,
    ) -> Result<CheckedSpan> {
        if self.state == SpanState::Sound {
            if self.next_pos != span.end_pos {
                self.state = SpanState::Incomplete;
            } else if self.hash.as_bytes() != span.hash {
                self.state = SpanState::Damaged;
            }
        }
        if self.state != SpanState::Sound {
            self.frames = None;
        }
        if self.frames.is_some() {
            let last = builder.finish()?;
            self.hold(last);
        }
        builder.clear();
        Ok(CheckedSpan {
            state: self.state,
            frames: self.frames,
            checked: self.checked,
        })
    }
}

/// Whether an item is a row, and expanding a frame would restore it exactly.
fn is_compressible(span: &SpanRecord, found: &StoredItem<'_>) -> bool {
    found.left_in_frame.is_none() && found.incarnation == ValueRef::Integer(span.incarnation)
}

impl Database {
    /// The historical spans with rows to be compressed, oldest first, of one vat or of all, with the
    /// number of these rows.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub(crate) fn compressible_spans(
        &self,
        vat_id: Option<&[u8]>,
        monitor: &Monitor,
    ) -> Result<Vec<(SpanRecord, u64)>> {
        let mut spans = Vec::new();
        for span in self.historical_spans(vat_id)? {
            monitor.check()?;
            let range = span.start_pos..span.end_pos;
            let Some(first_row) = self.first_row(&span.vat_id, range)? else {
                continue;
            };
            if hash_bytes(&span.hash).is_some() {
                let rows = self.count_whole_rows(&span.vat_id, span.start_pos, span.end_pos)?;
                spans.push((first_row, span, rows.unsigned_abs()));
            }
        }
        Ok(oldest_first(spans))
    }

    /// The historical spans with frames, oldest first, of one vat or of all, with the number of
    /// items in frames.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub(crate) fn compressed_spans(
        &self,
        vat_id: Option<&[u8]>,
        monitor: &Monitor,
    ) -> Result<Vec<(SpanRecord, u64)>> {
        if !self.has_compressed_items()? {
            return Ok(Vec::new());
        }
        let mut spans = Vec::new();
        for span in self.historical_spans(vat_id)? {
            monitor.check()?;
            let frames = self.frames(&span.vat_id, span.start_pos..span.end_pos)?;
            let lengths = frames
                .iter()
                .map(|place| place.end_pos.abs_diff(place.start_pos));
            if let Some(first) = frames.first() {
                spans.push((first.row, span, lengths.fold(0, u64::saturating_add)));
            }
        }
        Ok(oldest_first(spans))
    }

    fn historical_spans(&self, vat_id: Option<&[u8]>) -> Result<Vec<SpanRecord>> {
        const COLUMNS: &str = "vatID, startPos, endPos, hash, isCurrent, incarnation";
        let sql = |condition: &str| {
            format!(
                "SELECT {COLUMNS} FROM transcriptSpans
                 WHERE isCurrent IS NULL {condition} ORDER BY vatID, startPos"
            )
        };
        match vat_id {
            None => self.peek_rows(&sql(""), [], SpanRecord::from_row),
            Some(vat_id) => self.peek_rows(
                &sql("AND vatID = ?"),
                [crate::store::database::sql_text::SqlText(vat_id)],
                SpanRecord::from_row,
            ),
        }
    }

    /// Checks the items of a span, and compresses its rows that are not in frames yet. If the frames
    /// do not match the span's hash, but it has rows of the same items, checks and compresses these.
    ///
    /// # Errors
    /// [`Error::Aborted`]; SQLite's errors.
    pub(crate) fn compress_span(
        &self,
        span: &SpanRecord,
        builder: &mut FrameBuilder,
        monitor: &Monitor,
    ) -> Result<CheckedSpan> {
        let found = self.compress_copies(span, ItemCopy::Frame, builder, monitor)?;
        if found.state == SpanState::Sound || self.framed_ranges_with_rows(span)?.is_empty() {
            return Ok(found);
        }
        self.compress_copies(span, ItemCopy::Row, builder, monitor)
    }

    fn compress_copies(
        &self,
        span: &SpanRecord,
        copy: ItemCopy,
        builder: &mut FrameBuilder,
        monitor: &Monitor,
    ) -> Result<CheckedSpan> {
        let mut check = SpanCheck::new(span, copy);
        builder.clear();
        let range = span.start_pos..span.end_pos;
        let mut visitor = |found: StoredItem<'_>| {
            monitor.check()?;
            check.add(span, &found, builder)
        };
        match self.visit_copies(&span.vat_id, range, copy, &mut visitor) {
            Ok(_) => {}
            Err(Error::BadFrame { .. }) => check.set_damaged(),
            Err(error) => return Err(error),
        }
        check.finish(span, builder)
    }

    /// Like [`Database::visit_items`], but passes this copy of an item that is stored twice.
    fn visit_copies(
        &self,
        vat_id: &[u8],
        range: Range<i64>,
        copy: ItemCopy,
        visitor: &mut impl ItemVisitor,
    ) -> Result<bool> {
        match copy {
            ItemCopy::Row => self.visit_items(vat_id, range, visitor),
            ItemCopy::Frame => item_source::at_one_commit(self.connection()?, || {
                self.visit_frames_first(vat_id, range, visitor)
            }),
        }
    }

    fn visit_frames_first(
        &self,
        vat_id: &[u8],
        range: Range<i64>,
        visitor: &mut impl ItemVisitor,
    ) -> Result<bool> {
        let mut next = range.start;
        for place in self.frames(vat_id, range.clone())? {
            let (from, to) = (place.start_pos.max(next), place.end_pos.min(range.end));
            if from >= to {
                continue;
            }
            if !self.visit_items(vat_id, next..from, visitor)? {
                return Ok(false);
            }
            let frame =
                self.on_connection(|connection| frames::read(connection, vat_id, &place))?;
            for position in from..to {
                let index = usize::try_from(position.abs_diff(place.start_pos)).unwrap_or(0);
                if !visitor.visit(place.item(&frame, index))? {
                    return Ok(false);
                }
            }
            next = to;
        }
        self.visit_items(vat_id, next..range.end, visitor)
    }

    /// The first frame of a span's rows in a range of positions; `None` if none can be compressed.
    /// Leaves out rows of items in frames unless the row is the `copy` that is meant.
    ///
    /// # Errors
    /// SQLite's errors; [`Error::BadFrame`].
    pub(crate) fn next_frame(
        &self,
        span: &SpanRecord,
        range: Range<i64>,
        copy: ItemCopy,
        builder: &mut FrameBuilder,
    ) -> Result<Option<NewFrame>> {
        builder.clear();
        let mut frame = None;
        self.visit_copies(&span.vat_id, range, copy, &mut |found: StoredItem<'_>| {
            match (found.position, found.item) {
                (ValueRef::Integer(position), ValueRef::Text(item))
                    if is_compressible(span, &found) =>
                {
                    frame = builder.add(position, item)?;
                }
                _ => frame = builder.finish()?,
            }
            Ok(frame.is_none())
        })?;
        match frame {
            Some(frame) => {
                builder.clear();
                Ok(Some(frame))
            }
            None => builder.finish(),
        }
    }
}

/// Sorts spans by the rowid of their first row or frame, and drops it.
fn oldest_first(mut spans: Vec<(i64, SpanRecord, u64)>) -> Vec<(SpanRecord, u64)> {
    spans.sort_by_key(|(first, _, _)| *first);
    let spans = spans.into_iter();
    spans.map(|(_, span, items)| (span, items)).collect()
}
