//! Long tasks: parallel jobs, progress and aborts, locks, and memory limits.

pub(crate) mod limits;
pub(crate) mod lock;
pub(crate) mod monitor;
pub(crate) mod parallel;
