//! Filling a span from an artifact, with every item checked against the span's hash.

use super::artifact::{self, ArtifactMode, to_number};
use super::error::{Error, Result};
use super::hash::{extend_span_hash, initial_span_hash};
use super::limits::limits;
use super::transcripts::end_pos_mismatch;
use super::{SharedDatabase, Store};

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
            hash: initial_span_hash(),
            read_pos: span.start_pos,
            written_pos: span.start_pos,
            line: Vec::new(),
            batch: Vec::new(),
            batch_bytes: 0,
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
    hash: String,
    /// The position of the next item to be read.
    read_pos: i64,
    /// The position of the next item to be written.
    written_pos: i64,
    /// The beginning of an item whose end is yet to arrive.
    line: Vec<u8>,
    batch: Vec<String>,
    batch_bytes: usize,
    batch_limit: usize,
}

impl SpanImport {
    /// Takes the next bytes of the artifact.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`] if there are more items than the span has; SQLite's errors.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.add_item(&line)?;
        }
        if self.line.len() + rest.len() > MAX_ITEM_BYTES {
            return Err(Error::IncompleteArtifact(self.name.clone()));
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    fn add_item(&mut self, line: &[u8]) -> Result<()> {
        let is_surplus = self.read_pos >= self.end_pos;
        let item = String::from_utf8_lossy(line).into_owned();
        self.hash = extend_span_hash(self.hash.as_bytes(), item.as_bytes());
        self.read_pos += 1;
        self.batch_bytes += item.len();
        self.batch.push(item);
        if self.batch_bytes >= self.batch_limit || is_surplus {
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
        self.batch_bytes = 0;
        let db = self.db.lock();
        for item in std::mem::take(&mut self.batch) {
            db.insert_item(
                &self.vat_id,
                self.written_pos,
                item.as_bytes(),
                self.incarnation,
            )?;
            self.written_pos += 1;
        }
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
            let line = std::mem::take(&mut self.line);
            self.add_item(&line)?;
        }
        if self.read_pos != self.end_pos {
            return Err(Error::IncompleteArtifact(self.name.clone()));
        }
        if self.hash.as_bytes() != self.expected_hash {
            return Err(Error::SpanHashMismatch {
                name: self.name.clone(),
                actual: self.hash.clone(),
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
