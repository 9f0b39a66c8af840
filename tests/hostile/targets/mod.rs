//! What hostile input is thrown at, and what must hold whatever it is.
//!
//! Each target is a plain function of bytes, which panics if something is wrong: an input that is taken
//! and should not be, one that is taken in part, an error that says the store itself is at fault. Panics of
//! the store, memory and time are watched from outside: by the short test beside this directory, and by
//! libFuzzer (`fuzz/`), which share these functions.

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

/// Something that takes input from strangers.
pub struct Target {
    /// What it is called, also among the programs of `fuzz/`.
    pub name: &'static str,
    /// Does everything with an input that is done with such input.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What such inputs are made of.
    pub words: &'static [&'static [u8]],
    /// How many changed inputs the short test tries.
    pub rounds: u32,
}

/// All of them.
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

/// What came of a call, if it went well. Of all errors, one must never be: that the store has failed by
/// itself, which is also what it makes of a panic on another thread.
#[track_caller]
fn allowed<T>(outcome: Result<T>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error @ Error::Internal(_)) => panic!("{error}"),
        Err(error) => {
            // Its words must be fit to be shown, too.
            assert!(error.to_string().len() < 1 << 22, "an error of this length");
            None
        }
    }
}

/// Takes the first byte off; 0 if there is none.
fn split_first(input: &[u8]) -> (u8, &[u8]) {
    input
        .split_first()
        .map_or((0, input), |(first, rest)| (*first, rest))
}
