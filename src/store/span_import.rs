//! Filling a span from an artifact, with every item checked against the span's hash.

use super::artifact::{self, ArtifactMode, to_number};
use super::error::{Error, Result};
use super::hash::SpanHash;
use super::limits::limits;
use super::span_reader::ItemBatch;
use super::transcripts::end_pos_mismatch;
use super::{SharedDatabase, Store, text};

/// The longest item that SQLite can hold, in bytes.
const MAX_ITEM_BYTES: usize = 1_000_000_000;

impl Store {
    /// Begins to fill the span that an artifact belongs to; `None` if the mode does not want it.
    ///
    /// # Errors
    /// [`Error::NotTranscriptName`]; [`Error::NoMetadata`]; [`Error::NotSame`] where name and
    /// record disagree on the span's end.
    pub fn import_span(&mut self, name: &[u8], mode: ArtifactMode) -> Result<Option<SpanImport>> {
        let db = self.db.lock();
        self.ensure_txn(&db)?;
        let (vat_id, start_pos, end_pos) =
            artifact::parse_span_name(name).ok_or_else(|| Error::NotTranscriptName {
                name: name.to_vec(),
                double_quoted: true,
            })?;
        let span = db
            .span_at(vat_id, to_number(start_pos))?
            .ok_or_else(|| Error::NoMetadata {
                kind: "transcript span",
                name: name.to_vec(),
            })?;
        let end_pos = to_number(end_pos);
        if end_pos != span.end_pos as f64 {
            return Err(end_pos_mismatch(span.end_pos, end_pos));
        }
        let wanted = match mode {
            ArtifactMode::Operational => span.is_current,
            ArtifactMode::Replay => {
                let current = db
                    .current_span(vat_id)?
                    .ok_or_else(|| Error::NoCurrentIncarnation(vat_id.to_vec()))?;
                db.incarnation_start(vat_id, current.incarnation)?
                    .is_some_and(|first| span.start_pos >= first)
            }
            ArtifactMode::Archival | ArtifactMode::Debug => true,
        };
        Ok(wanted.then(|| SpanImport {
            db: self.db.clone(),
            name: name.to_vec(),
            vat_id: span.vat_id,
            incarnation: span.incarnation,
            start_pos: span.start_pos,
            end_pos: span.end_pos,
            expected_hash: span.hash,
            hash: SpanHash::initial(),
            read_pos: span.start_pos,
            written_pos: span.start_pos,
            line: Vec::new(),
            batch: ItemBatch::default(),
            batch_limit: limits().item_batch_bytes,
        }))
    }
}

/// A span that is being filled. Items are written as they arrive; if the artifact turns out to
/// be bad they are deleted again, so that a span is filled with what its hash says or not at all.
pub struct SpanImport {
    db: SharedDatabase,
    name: Vec<u8>,
    vat_id: Vec<u8>,
    incarnation: i64,
    start_pos: i64,
    end_pos: i64,
    expected_hash: Vec<u8>,
    hash: SpanHash,
    /// The position of the next item to be read.
    read_pos: i64,
    /// The position of the next item to be written.
    written_pos: i64,
    /// The beginning of an item whose end is yet to arrive.
    line: Vec<u8>,
    /// Items that wait to be written. Their memory is used again and again.
    batch: ItemBatch,
    batch_limit: usize,
}

impl SpanImport {
    /// Takes the next bytes of the artifact.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`] if there are more items than the span has; SQLite's errors.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.line.is_empty() {
                self.add_item(&rest[..end])?;
            } else {
                self.line.extend_from_slice(&rest[..end]);
                self.add_line()?;
            }
            rest = &rest[end + 1..];
        }
        if self.line.len() + rest.len() > MAX_ITEM_BYTES {
            return Err(Error::IncompleteArtifact(self.name.clone()));
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Takes the item that was gathered.
    fn add_line(&mut self) -> Result<()> {
        let mut line = std::mem::take(&mut self.line);
        let result = self.add_item(&line);
        line.clear();
        self.line = line;
        result
    }

    fn add_item(&mut self, line: &[u8]) -> Result<()> {
        let is_surplus = self.read_pos >= self.end_pos;
        let item = text::as_read(line);
        self.hash.extend(&item);
        self.batch.add(self.read_pos, &item);
        self.read_pos += 1;
        if self.batch.bytes() >= self.batch_limit || is_surplus {
            self.write_batch()?;
        }
        if is_surplus {
            // No need to read on. It was written all the same, so that an item of the next span
            // in its place is what the caller hears of, as from the reference.
            return Err(Error::IncompleteArtifact(self.name.clone()));
        }
        Ok(())
    }

    fn write_batch(&mut self) -> Result<()> {
        let db = self.db.lock();
        for (position, item) in self.batch.iter() {
            db.insert_item(&self.vat_id, position, item, self.incarnation)?;
            self.written_pos = position + 1;
        }
        self.batch.clear();
        Ok(())
    }

    /// Ends the artifact, and checks it.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`]; [`Error::SpanHashMismatch`]; SQLite's errors. Then nothing
    /// of the artifact is left in the store.
    pub fn finish(mut self) -> Result<()> {
        let result = self.check();
        if result.is_err() {
            self.abandon()?;
        }
        result
    }

    fn check(&mut self) -> Result<()> {
        if !self.line.is_empty() {
            // The last newline may be missing.
            self.add_line()?;
        }
        if self.read_pos != self.end_pos {
            return Err(Error::IncompleteArtifact(self.name.clone()));
        }
        if self.hash.as_bytes() != self.expected_hash {
            return Err(Error::SpanHashMismatch {
                name: self.name.clone(),
                actual: self.hash.to_string(),
                expected: self.expected_hash.clone(),
            });
        }
        self.write_batch()
    }

    /// Deletes what was written.
    ///
    /// # Errors
    /// SQLite's errors.
    pub fn abandon(self) -> Result<()> {
        if self.written_pos == self.start_pos {
            return Ok(());
        }
        self.db
            .lock()
            .delete_items(&self.vat_id, self.start_pos, self.written_pos)
    }
}
