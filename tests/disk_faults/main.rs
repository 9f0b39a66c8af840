//! Disk faults below SQLite, at each call in turn: the error, the state that is left, and whether work
//! continues once the cause is gone.
//!
//! By default few calls fail. An environment variable sets how many of each kind, or all of them:
//! `SWING_STORE_FAULTS=4 cargo test --test disk_faults -- --nocapture`
//! `SWING_STORE_FAULTS=all cargo test --profile quick --test disk_faults -- --nocapture`
//! (as `npm run torture:disk` does)

mod kernel;
mod plan;
mod running;
mod state;
mod sweep;
mod tools;
mod vfs;
