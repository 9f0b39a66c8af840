//! Logging, through the crate `tracing`, in builds with the feature `logging`.
//!
//! An event has an area, which is the last part of its target, a message, and fields:
//! `log::debug!("commit", "committed", time = log::time(elapsed))` has the target
//! `swing_store::commit`. The areas are part of the interface: filters name them. No event contains a
//! secret or the value of a key.
//!
//! Until [`start`](subscriber::start) is called, an event costs reading one number.

#[cfg(feature = "logging")]
pub mod subscriber;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Logs an event. Its fields are evaluated only if it is logged.
#[cfg(feature = "logging")]
macro_rules! event {
    ($level:ident, $area:literal, $message:literal $(, $name:ident = $value:expr)* $(,)?) => {
        ::tracing::event!(
            target: concat!("swing_store::", $area),
            ::tracing::Level::$level,
            $($name = %$value,)*
            $message
        )
    };
}

/// Does nothing, but uses the values, so that they count as used.
#[cfg(not(feature = "logging"))]
macro_rules! event {
    ($level:ident, $area:literal, $message:literal $(, $name:ident = $value:expr)* $(,)?) => {
        if false {
            $(let _ = &$value;)*
        }
    };
}

macro_rules! error {
    ($($event:tt)*) => { $crate::store::log::event!(ERROR, $($event)*) };
}

macro_rules! warning {
    ($($event:tt)*) => { $crate::store::log::event!(WARN, $($event)*) };
}

#[cfg(feature = "cli")]
macro_rules! info {
    ($($event:tt)*) => { $crate::store::log::event!(INFO, $($event)*) };
}

macro_rules! debug {
    ($($event:tt)*) => { $crate::store::log::event!(DEBUG, $($event)*) };
}

macro_rules! trace {
    ($($event:tt)*) => { $crate::store::log::event!(TRACE, $($event)*) };
}

#[cfg(feature = "cli")]
pub(crate) use info;
pub(crate) use {debug, error, event, trace, warning};

/// Shows a duration, such as `12.3ms`.
pub(crate) fn time(duration: Duration) -> impl fmt::Display {
    struct Time(Duration);
    impl fmt::Display for Time {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:.1?}", self.0)
        }
    }
    Time(duration)
}

/// Shows a text of a store, such as a vat ID or the name of an artifact.
pub(crate) fn text(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text)
}
