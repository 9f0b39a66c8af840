//! What a store has counted since it was opened.

use std::time::Duration;

use super::{HistoricalSpans, Store};
use crate::store::database::page_cache::PageCache;
use crate::store::database::wal_version::WalVersion;
use crate::store::error::{Error, Result};
use crate::store::log;
use crate::store::metrics::running::RunningMetrics;

impl Store {
    /// What the store has counted. Does not read its tables.
    ///
    /// # Errors
    /// [`Error::StoreClosed`]; [`Error::Faulted`].
    pub fn metrics(&self) -> Result<RunningMetrics> {
        if !self.open {
            return Err(Error::StoreClosed);
        }
        let db = self.db.lock();
        let connection = db.connection()?;
        let pages = PageCache::of(connection);
        // Finds out whether there is a log.
        db.refresh();
        let log = db
            .detects_commits_by_log()
            .then(|| WalVersion::read(connection));
        let (checkpoints, checkpoint_seconds) = db.checkpoint.counter().values();
        let (write_buffer_bytes, write_buffer_flushes) = {
            let buffer = db.buffer.borrow();
            (buffer.bytes() as u64, buffer.flushes())
        };
        let counters = &self.counters;
        Ok(RunningMetrics {
            commit: counters.commit.values(),
            page_cache_hits: pages.hits,
            page_cache_misses: pages.misses,
            page_cache_spills: pages.spills,
            page_cache_bytes: pages.bytes,
            write_buffer_bytes,
            write_buffer_flushes,
            snapshot_save: counters.snapshot_save.values(),
            snapshot_bytes: counters.snapshot_bytes,
            ended_spans: counters.ended_spans,
            checkpoints,
            checkpoint_seconds,
            log_pages: log.flatten().map_or(0, |log| log.pages().into()),
        })
    }

    /// Counts a snapshot that was saved: how long that took, and the sizes of the image and of the
    /// compressed image in bytes.
    pub fn count_saved_snapshot(&mut self, time: Duration, uncompressed: u64, compressed: u64) {
        log::debug!(
            "snapshot",
            "saved a snapshot",
            time = log::time(time),
            uncompressed = uncompressed,
            compressed = compressed
        );
        self.counters.snapshot_save.add(time);
        let bytes = &mut self.counters.snapshot_bytes;
        bytes.uncompressed += uncompressed;
        bytes.compressed += compressed;
    }

    /// Counts a span that has ended.
    pub(super) fn count_ended_span(&mut self) {
        let spans = &mut self.counters.ended_spans;
        let count = match (self.keep_transcripts, self.historical_spans) {
            (false, _) => &mut spans.deleted,
            (true, HistoricalSpans::Compressed) => &mut spans.compressed,
            (true, HistoricalSpans::Rows) => &mut spans.rows,
        };
        *count += 1;
    }
}
