//! One module per subcommand: its arguments, and a `run` that calls the store and prints the result.

pub(crate) mod archive;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod metrics;
pub(crate) mod prune;
pub(crate) mod reclaim;
pub(crate) mod replay_plan;
pub(crate) mod repopulate;
pub(crate) mod schema;
pub(crate) mod transcript;
pub(crate) mod verify;
