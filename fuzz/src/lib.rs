//! The targets, compiled once for all programs that run them.

#[path = "../../tests/hostile/targets/mod.rs"]
pub mod targets;
