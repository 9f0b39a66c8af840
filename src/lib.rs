//! The swing-store of a SwingSet kernel, on four floors.
//!
//! - [`store`] is the store itself: plain Rust over SQLite, with no trace of Node.js.
//! - `cli` is the command line: arguments, progress and words.
//! - `node` is how JavaScript reaches both: conversions and scheduling only.
//! - `js/`, beside this crate, holds the part that has to be JavaScript.

// A module that needs it says so, and why it is sound.
#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
// What a file, an artifact or a caller holds is answered with an error.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used,
    )
)]

#[cfg(feature = "cli")]
pub mod cli;
// A test binary has no Node.js to register with; the addon is tested from JavaScript.
#[cfg(all(feature = "node", not(test)))]
mod node;
#[cfg(feature = "report")]
mod report;
pub mod store;
