//! Repopulation: restores pruned contents from untrusted artifacts.
//!
//! The store keeps the hash of every span and snapshot. An artifact is read, checked against its
//! hash, and compressed or split into items without touching the store. Only then is it inserted,
//! in one short transaction, while a kernel may be running. The store therefore has all of an
//! artifact or none of it. Present contents stay unchanged, and another run continues where one
//! ended.

mod damage;
mod directory;
mod incoming;
mod missing;
mod options;
mod remote;
mod repopulation;
mod report;
mod spool;
mod target;
#[cfg(test)]
mod tests;

pub use directory::{repopulate_from_directory, repopulate_from_directory_into};
pub use incoming::Incoming;
pub use options::{DEFAULT_MAX_ARTIFACT_BYTES, RepopulateOptions};
pub use remote::{repopulate_from_place, repopulate_from_place_into};
pub use repopulation::Repopulation;
pub use report::{Refused, Repopulated};
