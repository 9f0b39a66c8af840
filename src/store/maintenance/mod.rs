//! Changes a store while a kernel may be running: compresses and prunes history, reclaims disk space,
//! and restores pruned history.

mod archived;
pub mod compact;
pub mod expand;
mod framed_rows;
mod oldest_first;
pub mod prune;
pub mod reclaim;
pub mod repopulate;
mod row_sweep;
