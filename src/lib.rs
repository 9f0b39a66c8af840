//! The swing-store of a SwingSet kernel, on three floors.
//!
//! - [`store`] is the store itself: plain Rust over SQLite, with no trace of Node.js.
//! - `node` is how JavaScript reaches it: conversions and scheduling only.
//! - `js/`, beside this crate, holds the part that has to be JavaScript.

// A module that needs it says so, and why it is sound.
#![deny(unsafe_code)]

// A test binary has no Node.js to register with; the addon is tested from JavaScript.
#[cfg(all(feature = "node", not(test)))]
mod node;
pub mod store;
