//! The disk fails below SQLite, at each call in turn: what is said, what is left, and whether work
//! goes on once the cause is gone.
//!
//! Few calls fail unless the environment asks for more: so many of each kind, or all of them.
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
