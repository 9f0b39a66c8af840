//! Splits a span artifact into items while it arrives, and checks it against the span's record.

use crate::store::encoding::hash::SpanHash;
use crate::store::encoding::wtf8;
use crate::store::error::{Error, Result};
use crate::store::records::record::SpanRecord;

/// The state of reading a span artifact.
pub(crate) struct SpanLines {
    name: Vec<u8>,
    end_pos: i64,
    expected_hash: Vec<u8>,
    hash: SpanHash,
    /// The position of the next item.
    next_pos: i64,
    /// The start of an item whose end has not arrived yet.
    line: Vec<u8>,
    max_item_bytes: usize,
    /// The end position in the artifact's name, if it differs from the one in the span's record.
    own_end: Option<i64>,
}

impl SpanLines {
    /// Starts to read the artifact `name` of the span with this record.
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

    /// Accepts an artifact that starts with the span but ends at `own_end`: the artifact of a
    /// current span, exported at another block. If it is longer than the span, the items after the
    /// span's end are skipped. If it is shorter, the caller has to check the hash with the items
    /// that follow: see [`SpanLines::hash`].
    pub(crate) fn ending_at(mut self, own_end: i64) -> SpanLines {
        self.own_end = Some(own_end);
        self
    }

    /// The span hash of the items so far.
    pub(crate) fn hash(&self) -> SpanHash {
        self.hash
    }

    /// The end position, exclusive, of the items that are passed on.
    pub(crate) fn taken_to(&self) -> i64 {
        self.end_pos.min(self.own_end.unwrap_or(self.end_pos))
    }

    /// Adds the next bytes. Calls `take` with the position and the text of each item that they
    /// complete.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`] after the first item after the span's end;
    /// [`Error::ArtifactTooLong`]; errors of `take`.
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

    /// Adds the complete item in `self.line`.
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
            // The artifact is too long, so the rest need not be read.
            return Err(Error::IncompleteArtifact(self.name.clone()));
        }
        Ok(())
    }

    /// Ends the artifact and checks its length and hash. The last newline may be missing.
    ///
    /// # Errors
    /// [`Error::IncompleteArtifact`]; [`Error::SpanHashMismatch`]; errors of `take`.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// For a span of the items `0`, `1` and so on up to `end_pos`.
    fn lines(end_pos: i64, max_item_bytes: usize) -> SpanLines {
        let mut hash = SpanHash::initial();
        for position in 0..end_pos {
            hash.extend(position.to_string().as_bytes());
        }
        let record = SpanRecord {
            vat_id: b"v1".to_vec(),
            start_pos: 0,
            end_pos,
            hash: hash.to_string().into_bytes(),
            is_current: true,
            incarnation: 0,
        };
        SpanLines::new(b"transcript.v1.0.3", &record, max_item_bytes)
    }

    /// What comes of an artifact, and the positions of the items that were taken.
    fn outcome(lines: &mut SpanLines, artifact: &[u8]) -> ([Result<()>; 2], Vec<i64>) {
        let mut taken = Vec::new();
        let mut take = |position, _: &[u8]| {
            taken.push(position);
            Ok(())
        };
        let added = lines.add(artifact, &mut take);
        let finished = lines.finish(&mut take);
        ([added, finished], taken)
    }

    #[test]
    fn an_artifact_has_exactly_the_items_of_its_span() {
        for artifact in ["0\n1\n2\n", "0\n1\n2"] {
            let (results, taken) = outcome(&mut lines(3, 10), artifact.as_bytes());
            assert!(matches!(results, [Ok(()), Ok(())]), "{results:?}");
            assert_eq!(taken, [0, 1, 2]);
        }
        let ([added, finished], _) = outcome(&mut lines(3, 10), b"0\n1\n");
        assert!(added.is_ok() && matches!(finished, Err(Error::IncompleteArtifact(_))));
        let ([added, _], _) = outcome(&mut lines(3, 10), b"0\n1\n2\n3\n");
        assert!(matches!(added, Err(Error::IncompleteArtifact(_))));
        let ([added, finished], _) = outcome(&mut lines(3, 10), b"0\n1\n1\n");
        assert!(added.is_ok() && matches!(finished, Err(Error::SpanHashMismatch { .. })));
    }

    #[test]
    fn of_an_artifact_that_is_longer_than_its_span_the_rest_is_passed_over() {
        let longer = || lines(3, 10).ending_at(5);
        assert_eq!(longer().taken_to(), 3);
        let (results, taken) = outcome(&mut longer(), b"0\n1\n2\nx\ny\n");
        assert!(matches!(results, [Ok(()), Ok(())]), "{results:?}");
        assert_eq!(taken, [0, 1, 2]);
        let ([added, finished], _) = outcome(&mut longer(), b"0\n1\n2\nx\n");
        assert!(added.is_ok() && matches!(finished, Err(Error::IncompleteArtifact(_))));
        let ([added, _], _) = outcome(&mut longer(), b"0\n1\n2\nx\ny\nz\n");
        assert!(matches!(added, Err(Error::IncompleteArtifact(_))));
        let ([_, finished], _) = outcome(&mut longer(), b"0\n1\n1\nx\ny\n");
        assert!(matches!(finished, Err(Error::SpanHashMismatch { .. })));
    }

    #[test]
    fn of_an_artifact_that_is_shorter_than_its_span_the_hash_is_left_to_the_caller() {
        let mut shorter = lines(3, 10).ending_at(2);
        assert_eq!(shorter.taken_to(), 2);
        let (results, taken) = outcome(&mut shorter, b"0\n1\n");
        assert!(matches!(results, [Ok(()), Ok(())]), "{results:?}");
        assert_eq!(taken, [0, 1]);
        let expected = lines(2, 10).expected_hash;
        assert_eq!(shorter.hash().to_string().into_bytes(), expected);
        let ([added, _], _) = outcome(&mut lines(3, 10).ending_at(2), b"0\n1\n2\n");
        assert!(matches!(added, Err(Error::IncompleteArtifact(_))));
    }

    #[test]
    fn an_item_without_an_end_is_not_gathered_beyond_the_limit() {
        let mut lines = lines(1, 10);
        let mut add = |bytes: &[u8]| lines.add(bytes, |_, _| Ok(()));
        assert!(add(b"0123456").is_ok());
        assert!(add(b"789").is_ok());
        let result = add(b"x");
        assert!(
            matches!(result, Err(Error::ArtifactTooLong { limit: 10, .. })),
            "{result:?}"
        );
    }
}
