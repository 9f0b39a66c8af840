//! Memory limits, which tests lower.

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

/// `kvCacheBytes()`: the limit of JavaScript's cache of values.
pub fn kv_cache_bytes(_: &Call<'_, ()>) -> Result<Reply> {
    Ok(Value::Number(limits().kv_cache_bytes as f64).into())
}

/// `chunkBytes()`: the size of the batches that are passed to another thread.
pub fn chunk_bytes(_: &Call<'_, ()>) -> Result<Reply> {
    Ok(Value::Number(limits().chunk_bytes as f64).into())
}

/// `maxBundleBytes()`: the maximum size of a bundle's artifact.
pub fn max_bundle_bytes(_: &Call<'_, ()>) -> Result<Reply> {
    Ok(Value::Number(MAX_BUNDLE_BYTES as f64).into())
}
