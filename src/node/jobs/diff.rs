//! Comparison of two stores or exports.

use super::job;
use crate::node::raw::{Call, Reply};
use crate::node::store::database::path_from;
use crate::store::diff::{DiffOptions, diff_stores};
use crate::store::error::Result;

/// `makeComparison(a, b, options)`: a job that compares them. Its report is a `SwingStoreDiff`, except
/// that a missing block height is `null`.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let a = path_from(call.text(0, "a")?)?;
    let b = path_from(call.text(1, "b")?)?;
    let options: DiffOptions = call.options(2)?;
    job::make_reporting(call, move |monitor| diff_stores(&a, &b, &options, monitor))
}
