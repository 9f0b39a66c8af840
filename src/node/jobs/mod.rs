//! Long work as jobs: JavaScript starts one, watches its progress and may abort it.

pub(crate) mod archive;
#[cfg(feature = "cli")]
pub(crate) mod command_line;
pub(crate) mod diff;
pub(crate) mod directory;
pub(crate) mod history;
pub(crate) mod job;
pub(crate) mod measure;
pub(crate) mod repopulate;
pub(crate) mod upkeep;
pub(crate) mod verify;
