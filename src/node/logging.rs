//! Logging, which a variable of the environment turns on.

use super::raw::{Call, Reply, Value};
use crate::store::error::Result;

/// `startLogging(filter)`: logs to stderr what the filter says, for the rest of the process.
///
/// # Errors
/// [`Error::BadArgument`](crate::store::error::Error::BadArgument) for an invalid filter. A build
/// without the feature `logging` ignores all filters.
pub fn start(call: &Call<'_, ()>) -> Result<Reply> {
    #[cfg(feature = "logging")]
    {
        let filter = call.text(0, "filter")?;
        let filter = String::from_utf8_lossy(&filter);
        crate::store::log::subscriber::start(&filter, stderr())?;
    }
    #[cfg(not(feature = "logging"))]
    drop(call.text(0, "filter")?);
    Ok(Value::Undefined.into())
}

/// Stderr, which Node.js may have put into non-blocking mode.
#[cfg(all(feature = "logging", feature = "cli"))]
fn stderr() -> impl std::io::Write + Send + 'static {
    crate::cli::terminal::output::stderr()
}

#[cfg(all(feature = "logging", not(feature = "cli")))]
fn stderr() -> impl std::io::Write + Send + 'static {
    std::io::stderr()
}
