//! Starts logging.

use std::io::Write;
use std::sync::Mutex;

use tracing::Metadata;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::store::error::{Error, Result};

/// The beginning of the targets of this crate's events.
const OWN: &str = "swing_store";

/// The variable of the environment with the filter.
pub const VARIABLE: &str = "RUST_LOG";

/// Parses a filter: a level (`error`, `warn`, `info`, `debug`, `trace` or `off`), or pairs of a target
/// and a level, such as `swing_store::commit=debug,swing_store::places=trace`.
///
/// # Errors
/// [`Error::BadArgument`].
fn parse(filter: &str) -> Result<Targets> {
    let invalid = |reason: String| {
        Error::BadArgument(format!(
            "{filter} is not a filter for the log: {reason}. Use a level (error, warn, info, debug, trace \
             or off), or targets with levels, such as swing_store::commit=debug"
        ))
    };
    let targets: Targets = filter
        .parse()
        .map_err(|error: tracing_subscriber::filter::ParseError| invalid(error.to_string()))?;
    // A misspelled level is taken for a target.
    let unknown = targets.iter().find_map(|(target, _)| {
        let is_own = target == OWN || target.starts_with("swing_store::");
        (!is_own && !target.contains("::") && !filter.contains('=')).then(|| target.to_owned())
    });
    match unknown {
        Some(word) => Err(invalid(format!("there is no level {word}"))),
        None => Ok(targets),
    }
}

/// Starts logging to `writer`, one line for each event, for the rest of the process. Has no effect if
/// logging has started before. Logs only this crate's events: those of other crates may contain
/// credentials.
///
/// # Errors
/// [`Error::BadArgument`] for an invalid filter.
pub fn start(filter: &str, writer: impl Write + Send + 'static) -> Result<()> {
    let targets = parse(filter)?;
    let own = FilterFn::new(|metadata: &Metadata<'_>| metadata.target().starts_with(OWN));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(Mutex::new(writer))
        .with_filter(targets)
        .with_filter(own);
    // Fails if logging has started before.
    drop(tracing_subscriber::registry().with(lines).try_init());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_or_targets() {
        for filter in [
            "debug",
            "OFF",
            "swing_store=trace",
            "swing_store::commit=debug,swing_store::places=trace",
            "warn,hyper=debug",
            "",
        ] {
            assert!(parse(filter).is_ok(), "{filter}");
        }
        for filter in ["debgu", "swing_store=loud", "a=b=c"] {
            let error = parse(filter).unwrap_err();
            assert_eq!(error.code(), "ERR_SWING_STORE_ARGUMENT");
            assert!(error.to_string().starts_with(filter), "{error}");
        }
    }
}
