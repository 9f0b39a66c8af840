//! The fuzzing targets, and what must hold for every input.
//!
//! Each target is a function of bytes that panics if an input is wrongly accepted, is accepted in part, or
//! causes an internal error. The callers check panics of the store, memory and time: the short test in the
//! parent directory, and libFuzzer (`fuzz/`).

mod archive;
mod bundles;
mod data;
mod database;
mod json;
mod manifest;
mod names;
mod records;
pub mod scene;
mod snapshot;
mod span;
pub mod zip;

use swing_store::store::{Error, Result};

/// A target that takes untrusted input.
pub struct Target {
    /// Its name, also that of the program in `fuzz/`.
    pub name: &'static str,
    /// Runs the target with an input.
    pub run: fn(&[u8]),
    /// Valid inputs to start with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// The words of such inputs.
    pub words: &'static [&'static [u8]],
    /// How many mutated inputs the short test runs.
    pub rounds: u32,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    json::TARGET,
    names::TARGET,
    records::TARGET,
    span::TARGET,
    snapshot::TARGET,
    bundles::SCRIPT_TARGET,
    bundles::ZIP,
    bundles::MAP_TARGET,
    data::TARGET,
    manifest::TARGET,
    archive::TARGET,
    database::PAGES,
    database::ROWS,
    database::WAL,
];

/// The target of this name.
#[allow(dead_code, reason = "the programs of fuzz/ use it")]
pub fn target(name: &str) -> &'static Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no target {name}"))
}

/// The result of a call, if it succeeded. Panics on an internal error, which a panic on another thread also
/// becomes.
#[track_caller]
fn allowed<T>(outcome: Result<T>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error @ Error::Internal(_)) => panic!("{error}"),
        Err(error) => {
            // The message must be printable and short.
            assert!(error.to_string().len() < 1 << 22, "an error of this length");
            None
        }
    }
}

/// Splits off the first byte; 0 if there is none.
fn split_first(input: &[u8]) -> (u8, &[u8]) {
    input
        .split_first()
        .map_or((0, input), |(first, rest)| (*first, rest))
}
