//! Verification of a store.

use super::job;
use crate::node::raw::{Call, Reply};
use crate::node::store::database::path_from;
use crate::store::error::Result;
use crate::store::verify::{VerifyOptions, verify_store};

/// `makeVerification(dirPath, options)`: a job that verifies the store. Its report is a
/// `VerificationReport`.
pub fn make(call: &Call<'_, ()>) -> Result<Reply> {
    let store = path_from(call.text(0, "dirPath")?)?;
    let options: VerifyOptions = call.options(1)?;
    job::make_reporting(call, move |monitor| verify_store(&store, &options, monitor))
}
