//! The targets, shared by all programs that run them.

#[path = "../../tests/hostile/targets/mod.rs"]
pub mod targets;
