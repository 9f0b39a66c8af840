//! The log of a command, on stderr.

use super::exit::Result;
use super::session::Session;

/// Starts logging if `filter`, or the variable `RUST_LOG`, says what to log.
///
/// # Errors
/// [`Failure::Usage`](super::exit::Failure::Usage) for an invalid filter, or in a build without the
/// feature `logging`. An invalid variable, which may be for other programs, is a note.
#[cfg(feature = "logging")]
pub(crate) fn start(filter: Option<&str>, session: &Session) -> Result<()> {
    use super::exit::Failure;
    use crate::store::log::subscriber::{self, VARIABLE};

    let lines = session.log_lines();
    if let Some(filter) = filter {
        let started = subscriber::start(filter, lines);
        return started.map_err(|error| Failure::Usage(error.to_string()));
    }
    if let Ok(filter) = std::env::var(VARIABLE)
        && let Err(error) = subscriber::start(&filter, lines)
    {
        session.note(&format!("note: {VARIABLE} is ignored: {error}"));
    }
    Ok(())
}

/// Refuses a filter, because this build cannot log.
///
/// # Errors
/// [`Failure::Usage`](super::exit::Failure::Usage).
#[cfg(not(feature = "logging"))]
pub(crate) fn start(filter: Option<&str>, _: &Session) -> Result<()> {
    match filter {
        None => Ok(()),
        Some(_) => Err(super::exit::Failure::Usage(
            "this build cannot log, because it lacks the cargo feature `logging`".into(),
        )),
    }
}
