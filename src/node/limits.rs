//! The limits of memory, for tests to lower.

use crate::node::raw::{Call, Reply, Value};
use crate::store::error::Result;
use crate::store::substores::bundles::MAX_BUNDLE_BYTES;
use crate::store::tasks::limits::{Limits, limits, set_limits};

/// `setLimits(kvCache, kvBuffer, itemBatch, recordBatch, chunk, gzipBlock, value, pinnedLog)`, all in
/// bytes; what is left out has its default again.
pub fn set(call: &Call<'_, ()>) -> Result<Reply> {
    let bytes = |index, default| call.number(index).map_or(default, |bytes| bytes as usize);
    let default = Limits::DEFAULT;
    set_limits(Limits {
        kv_cache_bytes: bytes(0, default.kv_cache_bytes),
        kv_buffer_bytes: bytes(1, default.kv_buffer_bytes),
        item_batch_bytes: bytes(2, default.item_batch_bytes),
        record_batch_bytes: bytes(3, default.record_batch_bytes),
        chunk_bytes: bytes(4, default.chunk_bytes),
        gzip_block_bytes: bytes(5, default.gzip_block_bytes),
        value_bytes: bytes(6, default.value_bytes),
        pinned_log_bytes: bytes(7, default.pinned_log_bytes),
    });
    Ok(Value::Undefined.into())
}

/// `kvCacheBytes()`: how much JavaScript's cache of values may hold.
pub fn kv_cache_bytes(_: &Call<'_, ()>) -> Result<Reply> {
    Ok(Value::Number(limits().kv_cache_bytes as f64).into())
}

/// `chunkBytes()`: how much is handed on to another thread at a time.
pub fn chunk_bytes(_: &Call<'_, ()>) -> Result<Reply> {
    Ok(Value::Number(limits().chunk_bytes as f64).into())
}

/// `maxBundleBytes()`: how long the artifact of a bundle may be.
pub fn max_bundle_bytes(_: &Call<'_, ()>) -> Result<Reply> {
    Ok(Value::Number(MAX_BUNDLE_BYTES as f64).into())
}
