//! Changing a store beside a running kernel: pruning, reclaiming space, and restoring pruned history.

pub mod prune;
pub mod reclaim;
pub mod repopulate;
