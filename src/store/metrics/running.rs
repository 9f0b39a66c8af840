//! What an open store counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::histogram::{Histogram, HistogramValues};

/// What a store counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    pub(crate) commit: Histogram,
    pub(crate) snapshot_save: Histogram,
    pub(crate) snapshot_bytes: SizeByForm,
    pub(crate) ended_spans: EndedSpansByForm,
}

/// Sizes of heap snapshots, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct SizeByForm {
    /// Of the images.
    pub uncompressed: u64,
    /// Of the compressed images.
    pub compressed: u64,
}

/// Spans that ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EndedSpansByForm {
    /// Whose items stay rows.
    pub rows: u64,
    /// Whose items are compressed.
    pub compressed: u64,
    /// Whose items are deleted.
    pub deleted: u64,
}

/// Counts checkpoints, on several threads.
#[derive(Debug, Default)]
pub(crate) struct CheckpointCounter {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl CheckpointCounter {
    pub(crate) fn add(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The number of checkpoints, and their time in seconds.
    pub(crate) fn values(&self) -> (u64, f64) {
        let time = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        (self.count.load(Ordering::Relaxed), time.as_secs_f64())
    }
}

/// The metrics of an open store that the store itself counts. JavaScript adds those of its calls, of
/// its cache of values, and of the sizes of files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunningMetrics {
    /// The time of commits.
    #[serde(rename = "swing_store_commit_seconds")]
    pub commit: HistogramValues,
    /// Pages found in the page cache.
    #[serde(rename = "swing_store_page_cache_hits_total")]
    pub page_cache_hits: u64,
    /// Pages not found in the page cache.
    #[serde(rename = "swing_store_page_cache_misses_total")]
    pub page_cache_misses: u64,
    /// Pages written because the page cache was full.
    #[serde(rename = "swing_store_page_cache_spills_total")]
    pub page_cache_spills: u64,
    /// The memory of the page cache.
    #[serde(rename = "swing_store_page_cache_bytes")]
    pub page_cache_bytes: u64,
    /// The memory of buffered changes.
    #[serde(rename = "swing_store_write_buffer_bytes")]
    pub write_buffer_bytes: u64,
    /// How often buffered entries were written.
    #[serde(rename = "swing_store_write_buffer_flushes_total")]
    pub write_buffer_flushes: u64,
    /// The time of saving snapshots.
    #[serde(rename = "swing_store_snapshot_save_seconds")]
    pub snapshot_save: HistogramValues,
    /// The size of saved snapshots.
    #[serde(rename = "swing_store_snapshot_save_bytes_total")]
    pub snapshot_bytes: SizeByForm,
    /// Spans that ended.
    #[serde(rename = "swing_store_ended_spans_total")]
    pub ended_spans: EndedSpansByForm,
    /// Checkpoints on another thread.
    #[serde(rename = "swing_store_checkpoints_total")]
    pub checkpoints: u64,
    /// The time of these checkpoints.
    #[serde(rename = "swing_store_checkpoint_seconds_total")]
    pub checkpoint_seconds: f64,
    /// Pages in the log.
    #[serde(rename = "swing_store_log_pages")]
    pub log_pages: u64,
}
