//! Changes a store while a kernel may be running: prunes history, reclaims disk space, and restores
//! pruned history.

pub mod prune;
pub mod reclaim;
pub mod repopulate;
