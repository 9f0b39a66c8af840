//! Archives a vat's current span when it ends.

use std::path::Path;

use super::file::ArchiveFile;
use super::gzip::{GzipFile, Output};
use crate::store::error::Result;
use crate::store::records::names;
use crate::store::substores::Store;
use crate::store::substores::span_reader::SpanReader;
use crate::store::tasks::monitor::Monitor;

/// A vat's current span as it was when the value was created, to be written to an archive. Later
/// changes of the span, and closing the database, do not affect it.
pub struct SpanArchive {
    name: Vec<u8>,
    reader: SpanReader,
}

impl SpanArchive {
    /// The span's artifact name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Writes the span to the archive `directory`. This takes time, so call it on a thread other
    /// than the store's.
    ///
    /// # Errors
    /// [`Error::Io`](crate::store::error::Error::Io); SQLite's errors.
    pub fn write(self, directory: &Path) -> Result<()> {
        let file = ArchiveFile::new(directory, directory, &self.name)?;
        let (file, _) = write_items(&self.reader, file, &Monitor::default())?;
        file.publish()
    }
}

/// Writes all items of a reader as a gzip file. Returns the file and its size.
pub(super) fn write_items<F: Output>(
    reader: &SpanReader,
    file: F,
    monitor: &Monitor,
) -> Result<(F, u64)> {
    let mut file = GzipFile::new(file);
    while let Some(chunk) = reader.next_chunk()? {
        file.add(&chunk)?;
        monitor.count(chunk.len())?;
    }
    file.finish()
}

impl Store {
    /// Prepares a vat's current span for archiving, before it ends. `None` if the vat has no
    /// current span.
    ///
    /// # Errors
    /// [`Error::MissingTranscriptItems`](crate::store::error::Error::MissingTranscriptItems) if
    /// items of the span are missing; SQLite's errors.
    pub fn begin_span_archive(&self, vat_id: &[u8]) -> Result<Option<SpanArchive>> {
        let db = self.database().lock();
        let Some(span) = db.current_span(vat_id)? else {
            return Ok(None);
        };
        let (start_pos, end_pos) = (span.start_pos, span.end_pos);
        db.require_items(vat_id, start_pos, end_pos)?;
        let reader = SpanReader::surviving_close(self.database(), &db, vat_id, start_pos, end_pos);
        Ok(Some(SpanArchive {
            name: names::span_name(vat_id, start_pos, end_pos),
            reader,
        }))
    }
}
