//! How much is held in memory, and handed on, at a time.
//!
//! The defaults suit a validator. Tests set them so low that every boundary between two batches
//! is crossed in a few operations.

use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;

use super::lock;
use crate::store::encoding::fields;

/// Sizes of caches, buffers and batches. Each holds at least one element, however large that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    /// Bytes of keys and values that are kept so that they need not be read again.
    #[serde(deserialize_with = "fields::count")]
    pub kv_cache_bytes: usize,
    /// Bytes of memory taken by entries that were written and wait for SQLite.
    #[serde(deserialize_with = "fields::count")]
    pub kv_buffer_bytes: usize,
    /// Bytes of transcript items that are read, or written, at a time.
    #[serde(deserialize_with = "fields::count")]
    pub item_batch_bytes: usize,
    /// Bytes of export records that are read at a time.
    #[serde(deserialize_with = "fields::count")]
    pub record_batch_bytes: usize,
    /// Bytes of an artifact that are handed on at a time.
    #[serde(deserialize_with = "fields::count")]
    pub chunk_bytes: usize,
    /// Bytes of a heap image that are compressed by one thread in one go.
    #[serde(deserialize_with = "fields::count")]
    pub gzip_block_bytes: usize,
    /// Bytes of the longest string or blob that SQLite takes, and of the longest row.
    #[serde(deserialize_with = "fields::count")]
    pub value_bytes: usize,
    /// Bytes by which the log may grow while readers of spans keep it from starting again.
    #[serde(deserialize_with = "fields::count")]
    pub pinned_log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}

impl Limits {
    /// What holds unless [`set_limits`] says otherwise.
    pub const DEFAULT: Limits = Limits {
        kv_cache_bytes: 48 << 20,
        kv_buffer_bytes: 2 << 20,
        item_batch_bytes: 256 << 10,
        record_batch_bytes: 48 << 10,
        chunk_bytes: 256 << 10,
        gzip_block_bytes: 3 << 19,
        // As better-sqlite3 has it: the length of JavaScript's longest string.
        value_bytes: (1 << 29) - 24,
        pinned_log_bytes: 64 << 20,
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
    /// A database that an import fills.
    pub(crate) const IMPORT: u32 = 16 << 10;
    /// The queries of a history.
    pub(crate) const HISTORY: u32 = 8000;
    /// The temporary database in which a comparison sorts records.
    pub(crate) const SORTED_RECORDS: u32 = 16_000;
    /// The minimum for the temporary database of saved items.
    pub(crate) const MIN_SAVED_ITEMS: usize = 64;
}

static LIMITS: RwLock<Limits> = RwLock::new(Limits::DEFAULT);
static VALUE_BYTES: AtomicUsize = AtomicUsize::new(Limits::DEFAULT.value_bytes);

/// The limits that stores, exporters and streams made from now on keep to.
pub fn limits() -> Limits {
    *lock::waited(LIMITS.read())
}

/// Bytes of the longest string or blob, as [`Limits::value_bytes`]; asked for each value.
pub(crate) fn value_bytes() -> usize {
    VALUE_BYTES.load(Ordering::Relaxed)
}

/// Sets the limits for this process.
pub fn set_limits(limits: Limits) {
    VALUE_BYTES.store(limits.value_bytes, Ordering::Relaxed);
    *lock::waited(LIMITS.write()) = limits;
}
