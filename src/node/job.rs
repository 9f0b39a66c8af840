//! Long work that JavaScript looks at and ends.

use super::raw::{Call, Reply, Value};
use crate::store::{Monitor, Result};

/// Work that is watched through a [`Monitor`].
pub trait Job {
    /// Through which it is watched.
    fn monitor(&self) -> &Monitor;
}

/// `progress()`: how far it has come.
pub fn progress<T: Job>(call: &Call<'_, T>) -> Result<Reply> {
    let progress = call.target.monitor().progress();
    Ok(Value::Object(vec![
        ("stage", Value::text(progress.stage.name())),
        ("done", Value::Number(progress.done as f64)),
        ("total", Value::Number(progress.total as f64)),
        ("bytes", Value::Number(progress.bytes as f64)),
    ])
    .into())
}

/// `abort()`: ends the work at its next step.
pub fn abort<T: Job>(call: &Call<'_, T>) -> Result<Reply> {
    call.target.monitor().abort();
    Ok(Value::Undefined.into())
}
