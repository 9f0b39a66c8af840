//! The swing-store of a SwingSet kernel, in four layers.
//!
//! - [`store`] is the store itself: plain Rust over SQLite, without Node-API types.
//! - `cli` is the command line: arguments, progress and output.
//! - `node` is the addon, through which JavaScript uses both: conversions and scheduling only.
//! - `js/`, next to this crate, contains what must be JavaScript.

// Modules that need unsafe code allow it, and explain why it is sound.
#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
// Invalid contents of files, artifacts and arguments must cause errors, not panics.
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
// A test binary has no Node.js to register with. The addon is tested from JavaScript.
#[cfg(all(feature = "node", not(test)))]
mod node;
#[cfg(feature = "report")]
mod report;
pub mod store;
