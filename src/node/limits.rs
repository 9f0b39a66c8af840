//! The limits of memory, for tests to lower.

use crate::node::raw::{Call, Reply, Value};
use crate::store::error::Result;
use crate::store::substores::bundles::MAX_BUNDLE_BYTES;
use crate::store::tasks::limits::{limits, set_limits};

/// `setLimits(limits)`: sets the limits of this process. The argument is JSON text with the fields of
/// [`Limits`](crate::store::tasks::limits::Limits); a limit that it omits gets its default.
pub fn set(call: &Call<'_, ()>) -> Result<Reply> {
    set_limits(call.options(0)?);
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
