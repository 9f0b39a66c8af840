//! How much is held in memory, and handed on, at a time.
//!
//! The defaults suit a validator. Tests set them so low that every boundary between two batches
//! is crossed in a few operations.

use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::lock;

/// Sizes of caches, buffers and batches. Each holds at least one element, however large that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of keys and values that are kept so that they need not be read again.
    pub kv_cache_bytes: usize,
    /// Bytes of memory taken by entries that were written and wait for SQLite.
    pub kv_buffer_bytes: usize,
    /// Bytes of transcript items that are read, or written, at a time.
    pub item_batch_bytes: usize,
    /// Bytes of export records that are read at a time.
    pub record_batch_bytes: usize,
    /// Bytes of an artifact that are handed on at a time.
    pub chunk_bytes: usize,
    /// Bytes of a heap image that are compressed by one thread in one go.
    pub gzip_block_bytes: usize,
    /// Bytes of the longest string or blob that SQLite takes, and of the longest row.
    pub value_bytes: usize,
    /// Bytes by which the log may grow while readers of spans keep it from starting again.
    pub pinned_log_bytes: usize,
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
