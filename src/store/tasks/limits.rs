//! Limits of memory and of batch sizes.
//!
//! The defaults suit a validator. Tests set them so low that a few operations cross every boundary
//! between batches.

use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;

use super::lock;
use crate::store::encoding::fields;

/// Sizes of caches, buffers and batches, in bytes. Each holds at least one element of any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    /// Keys and values in the read cache.
    #[serde(deserialize_with = "fields::count")]
    pub kv_cache_bytes: usize,
    /// Memory of buffered entries.
    #[serde(deserialize_with = "fields::count")]
    pub kv_buffer_bytes: usize,
    /// Transcript items read or written at a time.
    #[serde(deserialize_with = "fields::count")]
    pub item_batch_bytes: usize,
    /// Transcript items compressed together.
    #[serde(deserialize_with = "fields::count")]
    pub frame_bytes: usize,
    /// Export records read at a time.
    #[serde(deserialize_with = "fields::count")]
    pub record_batch_bytes: usize,
    /// Chunk of an artifact.
    #[serde(deserialize_with = "fields::count")]
    pub chunk_bytes: usize,
    /// Block of a heap image that one thread compresses.
    #[serde(deserialize_with = "fields::count")]
    pub image_block_bytes: usize,
    /// Block of a compressed file of an archive or an export.
    #[serde(deserialize_with = "fields::count")]
    pub file_block_bytes: usize,
    /// Maximum length of a string, a blob or a row in SQLite.
    #[serde(deserialize_with = "fields::count")]
    pub value_bytes: usize,
    /// Growth of the log that span readers may cause before their views are ended.
    #[serde(deserialize_with = "fields::count")]
    pub pinned_log_bytes: usize,
    /// Length of the log, in pages, at which it is checkpointed.
    #[serde(deserialize_with = "fields::count")]
    pub log_pages: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Limits = Limits {
        kv_cache_bytes: 48 << 20,
        kv_buffer_bytes: 2 << 20,
        item_batch_bytes: 256 << 10,
        frame_bytes: 384 << 10,
        record_batch_bytes: 48 << 10,
        chunk_bytes: 256 << 10,
        // Files are 1 % larger than with blocks of 1.5 MiB, and the cores are busy to an image's end.
        image_block_bytes: 256 << 10,
        file_block_bytes: 3 << 19,
        // As in better-sqlite3: the maximum length of a JavaScript string.
        value_bytes: (1 << 29) - 24,
        pinned_log_bytes: 64 << 20,
        // As in SQLite.
        log_pages: 1000,
    };
}

/// SQLite's page cache of each connection, in KiB.
pub(crate) mod page_cache_kib {
    /// A read view. Most pages are read once.
    pub(crate) const READ_VIEW: u32 = 4000;
    /// A view of one span. Items are read once, from first to last.
    pub(crate) const SPAN_VIEW: u32 = 512;
    /// A writer alongside a kernel: room for the pages of one transaction.
    pub(crate) const SHARED_WRITER: u32 = 16 << 10;
    /// An exporter, while it reads each page about once.
    pub(crate) const EXPORTER: u32 = 4000;
    /// An exporter, while it reads rows in the order of their keys, which are on pages in any order.
    pub(crate) const EXPORTER_OF_RECORDS: u32 = 16_000;
    /// A database that an import fills, in the order of its keys. On the large store, 16 MB took as
    /// long.
    pub(crate) const IMPORT: u32 = 4000;
    /// The queries of a history.
    pub(crate) const HISTORY: u32 = 8000;
    /// The temporary database in which a comparison sorts records.
    pub(crate) const SORTED_RECORDS: u32 = 16_000;
    /// The minimum for the temporary database of saved items.
    pub(crate) const MIN_SAVED_ITEMS: usize = 64;
}

/// Capacity of the statement cache. It exceeds the number of different statements that a store
/// uses.
pub(crate) const STATEMENT_CACHE_ENTRIES: usize = 128;

static LIMITS: RwLock<Limits> = RwLock::new(Limits::DEFAULT);
static VALUE_BYTES: AtomicUsize = AtomicUsize::new(Limits::DEFAULT.value_bytes);

/// The limits for stores, exporters and streams created from now on.
pub fn limits() -> Limits {
    *lock::waited(LIMITS.read())
}

/// [`Limits::value_bytes`], readable without a lock because it is checked for each value.
pub(crate) fn value_bytes() -> usize {
    VALUE_BYTES.load(Ordering::Relaxed)
}

/// Sets the limits for this process.
pub fn set_limits(limits: Limits) {
    VALUE_BYTES.store(limits.value_bytes, Ordering::Relaxed);
    *lock::waited(LIMITS.write()) = limits;
}
