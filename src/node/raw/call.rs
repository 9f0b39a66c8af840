//! One call of a function from JavaScript.

use std::sync::Arc;

use napi::sys;

use super::values::Value;
use crate::store::error::Result;

/// The maximum number of arguments of a function.
pub(super) const MAX_ARGUMENTS: usize = 8;

/// The result of a callback.
pub enum Reply {
    /// A value to convert.
    Value(Value),
    /// A JavaScript value.
    Js(sys::napi_value),
}

impl From<Value> for Reply {
    fn from(value: Value) -> Reply {
        Reply::Value(value)
    }
}

/// The body of a callback.
pub type Body<T> = fn(&Call<'_, T>) -> Result<Reply>;

/// A function of an object: its name and its body.
pub type Function<T> = (&'static str, Body<T>);

/// One call of a function that belongs to a `T`.
pub struct Call<'a, T> {
    pub(super) env: sys::napi_env,
    pub(super) arguments: [sys::napi_value; MAX_ARGUMENTS],
    pub(super) count: usize,
    /// The object that the function belongs to.
    pub target: &'a Arc<T>,
}

impl<T: 'static> Call<'_, T> {
    /// The environment of the call.
    pub fn env(&self) -> sys::napi_env {
        self.env
    }
}
