//! A span's artifact, cut into items as it arrives and checked against the span's record.

use crate::store::encoding::hash::SpanHash;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::records::record::SpanRecord;

/// An artifact on its way.
pub(crate) struct SpanLines {
    name: Vec<u8>,
    end_pos: i64,
    expected_hash: Vec<u8>,
    hash: SpanHash,
    /// The position of the next item.
    next_pos: i64,
    /// The beginning of an item whose end is yet to arrive.
    line: Vec<u8>,
    max_item_bytes: usize,
    /// Where the artifact ends by its own name, if the span was shorter, or longer, when it was made.
    own_end: Option<i64>,
}

impl SpanLines {
    /// For the artifact `name`, of the span that `record` tells of.
    pub(crate) fn new(name: &[u8], record: &SpanRecord, max_item_bytes: usize) -> SpanLines {
        SpanLines {
            name: name.to_vec(),
            end_pos: record.end_pos,
            expected_hash: record.hash.clone(),
            hash: SpanHash::initial(),
            next_pos: record.start_pos,
            line: Vec::new(),
            max_item_bytes,
            own_end: None,
        }
    }

    /// For an artifact that begins as the span does, but ends at `own_end`: of a current span, made
    /// by a node that was at another block. Of one that is longer, the items behind the span's end
    /// are passed over. Of one that is shorter, the hash can only be checked together with the
    /// items that follow: see [`SpanLines::hash`].
    pub(crate) fn ending_at(mut self, own_end: i64) -> SpanLines {
        self.own_end = Some(own_end);
        self
    }

    /// The hash of the items so far.
    pub(crate) fn hash(&self) -> SpanHash {
        self.hash
    }

    /// Where the items that are taken end.
    pub(crate) fn taken_to(&self) -> i64 {
        self.end_pos.min(self.own_end.unwrap_or(self.end_pos))
    }

    /// Takes the next bytes, and hands over every item that they complete with its position.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`] if there are more items than the span has, behind the first
    /// that is one too many; [`Error::ArtifactTooLong`]; whatever `take` returns.
    pub(crate) fn add(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(i64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.line.is_empty() {
                self.add_item(&rest[..end], &mut take)?;
            } else {
                self.line.extend_from_slice(&rest[..end]);
                self.add_line(&mut take)?;
            }
            rest = &rest[end + 1..];
        }
        if self.line.len() + rest.len() > self.max_item_bytes {
            return Err(Error::ArtifactTooLong {
                name: self.name.clone(),
                limit: self.max_item_bytes as u64,
            });
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Takes the item that was gathered.
    fn add_line(&mut self, take: &mut impl FnMut(i64, &[u8]) -> Result<()>) -> Result<()> {
        let mut line = std::mem::take(&mut self.line);
        let result = self.add_item(&line, take);
        line.clear();
        self.line = line;
        result
    }

    fn add_item(
        &mut self,
        line: &[u8],
        take: &mut impl FnMut(i64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let position = self.next_pos;
        if position >= self.end_pos && self.own_end.is_some_and(|own_end| position < own_end) {
            self.next_pos += 1;
            return Ok(());
        }
        let item = wtf8::as_read(line);
        self.hash.extend(&item);
        self.next_pos += 1;
        take(position, &item)?;
        if position >= self.own_end.unwrap_or(self.end_pos) {
            // No need to read on.
            return Err(Error::IncompleteArtifact(self.name.clone()));
        }
        Ok(())
    }

    /// Ends the artifact, and checks it. The last newline may be missing.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`]; [`Error::SpanHashMismatch`]; whatever `take` returns.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(i64, &[u8]) -> Result<()>) -> Result<()> {
        if !self.line.is_empty() {
            self.add_line(&mut take)?;
        }
        if self.next_pos != self.own_end.unwrap_or(self.end_pos) {
            return Err(Error::IncompleteArtifact(self.name.clone()));
        }
        if self.taken_to() < self.end_pos {
            return Ok(());
        }
        if self.hash.as_bytes() != self.expected_hash {
            return Err(Error::SpanHashMismatch {
                name: self.name.clone(),
                actual: self.hash.to_string(),
                expected: self.expected_hash.clone(),
            });
        }
        Ok(())
    }
}
