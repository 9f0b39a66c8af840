//! Text formats: JSON and strings as in JavaScript, hashes, and quoting for messages, terminals and
//! shells.

pub(crate) mod fields;
pub(crate) mod hash;
pub mod json;
pub(crate) mod number;
pub(crate) mod plural;
#[cfg(feature = "cli")]
pub(crate) mod printable;
pub(crate) mod quote;
pub(crate) mod shell;
pub(crate) mod wtf8;
